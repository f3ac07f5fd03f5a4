// The two most frequent lines, each read in one pass: `get <key>` or `gets <key>` with one key, and
// `set <key> <flags> <exptime> <bytes>` with its block. All other lines, and incomplete ones, are left to
// the parser, which reads them from their start (parser.ts).
//
// Invariant: a line that is read here gives the same request that the parser would give. A result of undefined leaves
// the buffer unchanged.

import { NEED_MORE, type NeedMore, type ParserOptions } from '../parser.js';
import type { ReceiveBuffer } from '../receive-buffer.js';
import { GetRequest, PutRequest } from '../request.js';
import type { LineContext, TextForms } from './line-context.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_G = 0x67;
const LOWER_S = 0x73;
/** A number with this many digits fits every field of the line: flags, exptime and length. */
const DIGITS_MAX = 9;
const CRLF_BYTES = 2;

/** All connections share these two. Only the fields that are set here ever differ from those of a new request. */
const GET = new GetRequest();
const SET = new PutRequest();

/** Returns the request at the start of the buffer, NEED_MORE while its block is incomplete, undefined for another line. */
export function readPlainLine(
  buffer: ReceiveBuffer,
  { forms, options }: LineContext,
): GetRequest | PutRequest | NeedMore | undefined {
  const first = buffer.bytes[buffer.start];
  if (first === LOWER_G) return readPlainGet(buffer, forms, options.keyBytesMax);
  return first === LOWER_S ? readPlainSet(buffer, forms, options) : undefined;
}

/** Requires: the first byte is a `g`. */
function readPlainGet(
  buffer: ReceiveBuffer,
  forms: TextForms,
  keyBytesMax: number,
): GetRequest | undefined {
  const { bytes, start, end } = buffer;
  if (bytes[start + 1] !== 0x65 || bytes[start + 2] !== 0x74) return undefined;
  const withCas = bytes[start + 3] === LOWER_S;
  const nameEnd = withCas ? start + 4 : start + 3;
  if (bytes[nameEnd] !== SPACE) return undefined;
  const keyStart = nameEnd + 1;
  let at = keyStart;
  while (at < end && bytes[at] !== LF && bytes[at] !== SPACE) at += 1;
  if (at >= end || bytes[at] === SPACE) return undefined;
  const keyEnd = bytes[at - 1] === CR ? at - 1 : at;
  if (keyEnd <= keyStart || keyEnd - keyStart > keyBytesMax) return undefined;
  buffer.start = at + 1;
  const request = GET;
  request.form = withCas ? forms.withCas : forms.normal;
  request.key = bytes;
  request.keyStart = keyStart;
  request.keyEnd = keyEnd;
  return request;
}

/** Requires: the first byte is an `s`. */
function readPlainSet(
  buffer: ReceiveBuffer,
  forms: TextForms,
  options: ParserOptions,
): PutRequest | NeedMore | undefined {
  const { bytes, start, end } = buffer;
  if (bytes[start + 1] !== 0x65 || bytes[start + 2] !== 0x74 || bytes[start + 3] !== SPACE) {
    return undefined;
  }
  const keyStart = start + 4;
  let at = keyStart;
  while (at < end && bytes[at] !== SPACE && bytes[at] !== LF) at += 1;
  const keyEnd = at;
  if (keyEnd === keyStart || keyEnd - keyStart > options.keyBytesMax) return undefined;
  const request = SET;
  let number = 0;
  // The bytes behind `end` are foreign: a number that reaches them is dropped before it is used.
  for (let field = 0; field < 3; field += 1) {
    if (bytes[at] !== SPACE) return undefined;
    const first = at + 1;
    number = 0;
    for (at = first; bytes[at]! >= ZERO && bytes[at]! <= NINE; at += 1) {
      number = number * 10 + (bytes[at]! - ZERO);
    }
    if (at === first || at - first > DIGITS_MAX || at >= end) return undefined;
    if (field === 0) request.flags = number;
    else if (field === 1) request.exptime = number;
  }
  if (bytes[at] === CR) at += 1;
  if (at >= end || bytes[at] !== LF) return undefined;
  if (number > options.inlineValueBytesMax || number > options.valueBytesMax) return undefined;
  const valueStart = at + 1;
  const valueEnd = valueStart + number;
  if (end < valueEnd + CRLF_BYTES) {
    buffer.expect(valueEnd + CRLF_BYTES - start);
    return NEED_MORE;
  }
  if (bytes[valueEnd] !== CR || bytes[valueEnd + 1] !== LF) return undefined;
  buffer.start = valueEnd + CRLF_BYTES;
  request.form = forms.normal;
  request.key = bytes;
  request.keyStart = keyStart;
  request.keyEnd = keyEnd;
  request.valueBytes = number;
  request.value = bytes;
  request.valueStart = valueStart;
  return request;
}
