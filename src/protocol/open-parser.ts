// Which protocol a connection speaks: its first byte decides, once. From then on the connection has the parser itself.

import { BinaryParser } from './binary/parser.js';
import type { ParserOptions, RequestParser } from './parser.js';
import type { ReceiveBuffer } from './receive-buffer.js';
import { TextParser } from './text/parser.js';

/** The first byte of every binary request. */
const BINARY_MAGIC = 0x80;

/** The parser that the first byte of `input` calls for; undefined: what it calls for is not spoken here. */
export function openParser(
  options: ParserOptions,
  input: ReceiveBuffer,
): RequestParser | undefined {
  const isBinary = input.bytes[input.start] === BINARY_MAGIC;
  if (options.protocol === 'text') return new TextParser(options, input);
  // ASCII authentication (-Y) leaves no second door.
  if (isBinary && !options.asciiAuthentication) return new BinaryParser(options, input);
  return options.protocol === 'binary' ? undefined : new TextParser(options, input);
}
