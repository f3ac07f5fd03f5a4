// The contract of every parser: bytes go in by push(), requests come out by next(). A parser does no I/O, reads no
// clock, and throws for no bytes. The requests do not depend on how the bytes were cut, with one exception: a line
// over the limit closes the connection only if it exceeds the limit before its end arrives (memcached's rule).
//
// Use:   parser.push(chunk);
//        for (;;) { const parsed = parser.next(); if (parsed === NEED_MORE) break; … }

import {
  INLINE_VALUE_BYTES_MAX,
  KEY_BYTES_MAX_DEFAULT,
  VALUE_BYTES_MAX_DEFAULT,
} from '../limits.js';
import type { Request } from './request.js';

/** All bytes are used up. From this moment on, earlier views are invalid. */
export interface NeedMore {
  readonly kind: 'need-more';
}

/** Close without a further byte, after the earlier replies: a line over its limit, HTTP, or another protocol. */
interface Close {
  readonly kind: 'close';
}

/** Bytes of the large value that belongs to the last `put`. */
interface ValuePiece {
  readonly kind: 'value-piece';
  readonly bytes: Buffer;
}

/** The large value is whole and ends as the protocol demands. */
interface ValueEnd {
  readonly kind: 'value-end';
}

export type Parsed = Request | ValuePiece | ValueEnd | NeedMore | Close;

export const NEED_MORE: NeedMore = { kind: 'need-more' };
export const CLOSE: Close = { kind: 'close' };
export const VALUE_END: ValueEnd = { kind: 'value-end' };

export interface RequestParser {
  /**
   * Lends the parser a chunk, which must stay unchanged until next() returns `need-more`. The parser has then copied
   * the bytes that it still needs, and the caller may reuse the memory.
   */
  push(chunk: Buffer): void;
  /** Returns the next request. After `close` it returns `close` for ever. */
  next(): Parsed;
  /**
   * Returns, after `need-more`, memory into which the next bytes may be read before they are pushed, so that they are
   * not copied; or undefined. The memory stays valid until the next push.
   */
  room(): Buffer | undefined;
  /** Copies the rest of a lent chunk before `need-more`. Views that were given out are invalid afterwards. */
  settle(): void;
  /** ASCII authentication succeeded: from now on all commands are parsed. */
  admit(): void;
  /** Bytes that were pushed and not yet given out: at most one line and one value of `inlineValueBytesMax`. */
  readonly bufferedBytes: number;
  /** A value is being received (`conn_nread` of stats conns). */
  readonly inValue: boolean;
}

export interface ParserOptions {
  /** `-B`. `auto`: binary when the first byte is 0x80. */
  readonly protocol: 'auto' | 'text' | 'binary';
  /** Reply form of text commands: `plain` on `--plain-port`. */
  readonly textWire: 'text' | 'plain';
  /** The short forms `set <key> <bytes>[ <flags>]`; off with `--dialect memcached`. */
  readonly shortForms: boolean;
  readonly keyBytesMax: number;
  /** Larger values are refused (`-I`). */
  readonly valueBytesMax: number;
  /** Larger values are given out in pieces. */
  readonly inlineValueBytesMax: number;
  /** `-Y`: nothing but an authentication is parsed before admit(). */
  readonly asciiAuthentication: boolean;
}

export const DEFAULT_PARSER_OPTIONS: ParserOptions = {
  protocol: 'auto',
  textWire: 'text',
  shortForms: true,
  keyBytesMax: KEY_BYTES_MAX_DEFAULT,
  valueBytesMax: VALUE_BYTES_MAX_DEFAULT,
  inlineValueBytesMax: INLINE_VALUE_BYTES_MAX,
  asciiAuthentication: false,
};
