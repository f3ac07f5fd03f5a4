// The choice of a connection's protocol: the first byte decides once. From then on the connection keeps that parser.

import { BinaryParser } from './binary/parser.js';
import type { ParserOptions, RequestParser } from './parser.js';
import type { ReceiveBuffer } from './receive-buffer.js';
import { TextParser } from './text/parser.js';

/** The first byte of every binary request. */
const BINARY_MAGIC = 0x80;

/** Returns the parser for the first byte of `input`; undefined when `options` do not allow its protocol. */
export function openParser(
  options: ParserOptions,
  input: ReceiveBuffer,
): RequestParser | undefined {
  const isBinary = input.bytes[input.start] === BINARY_MAGIC;
  if (options.protocol === 'text') return new TextParser(options, input);
  // With ASCII authentication (-Y) the binary protocol would be a way in without a login.
  if (isBinary && !options.asciiAuthentication) return new BinaryParser(options, input);
  return options.protocol === 'binary' ? undefined : new TextParser(options, input);
}
