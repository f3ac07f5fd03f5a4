// Which protocol a connection speaks: its first byte decides, once.

import { CLOSE, type Parsed, type ParserOptions, type RequestParser } from './parser.js';

/** A parser for a new connection. */
export function openParser(_options: ParserOptions): RequestParser {
  return new NoParser();
}

class NoParser implements RequestParser {
  readonly bufferedBytes = 0;
  readonly inValue = false;
  push(_chunk: Buffer): void {
    // Parsers follow.
  }
  next(): Parsed {
    return CLOSE;
  }
  admit(): void {
    // Parsers follow.
  }
}
