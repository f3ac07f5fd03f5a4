// What every parser promises. Bytes go in by push(), requests come out by next(); no I/O, no clock, and
// no exception whatever the bytes are. What comes out does not depend on how the bytes were cut, except
// that a line over its limit closes only if it grew over it before its end arrived (memcached's rule).
//
// Use:   parser.push(chunk);
//        for (;;) { const parsed = parser.next(); if (parsed === NEED_MORE) break; … }

import {
  INLINE_VALUE_BYTES_MAX,
  KEY_BYTES_MAX_DEFAULT,
  VALUE_BYTES_MAX_DEFAULT,
} from '../limits.js';
import type { Request } from './request.js';

/** All bytes are used up; also the moment from which earlier views are invalid. */
export interface NeedMore {
  readonly kind: 'need-more';
}

/** Close without a byte, after the replies before it: a line over its limit, HTTP, not our protocol. */
interface Close {
  readonly kind: 'close';
}

/** Bytes of the large value whose `put` was given last. */
interface ValuePiece {
  readonly kind: 'value-piece';
  readonly bytes: Buffer;
}

/** The large value is whole and was ended as the protocol asks. */
interface ValueEnd {
  readonly kind: 'value-end';
}

export type Parsed = Request | ValuePiece | ValueEnd | NeedMore | Close;

export const NEED_MORE: NeedMore = { kind: 'need-more' };
export const CLOSE: Close = { kind: 'close' };
export const VALUE_END: ValueEnd = { kind: 'value-end' };

export interface RequestParser {
  /**
   * Lends the parser a chunk, which must stay as it is until next() answers `need-more` (the parser
   * then has copied what it still needs: the caller may reuse the memory).
   */
  push(chunk: Buffer): void;
  /** The next request. After `close` it answers `close` for ever. */
  next(): Parsed;
  /**
   * After `need-more`: where the next bytes may be put before they are pushed, so that they need not be
   * copied, or undefined. It stays so until the next push.
   */
  room(): Buffer | undefined;
  /** Copies what is left of a lent chunk before `need-more`: views that were given out die with it. */
  settle(): void;
  /** ASCII authentication succeeded: from now on all commands are parsed. */
  admit(): void;
  /** Bytes that were pushed and not yet given out: bounded by the value limit gathered and one line. */
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
