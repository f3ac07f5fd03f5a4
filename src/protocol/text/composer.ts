// Replies of the classic text protocol and of the plain dialect. The dialect differs only in the answers to gets:
// VALUE lines have no flags, and Not-Exists is the answer when nothing was found (docs/protocol.md).

import { formOfError } from '../errors.js';
import { NUMBER_BYTES_MAX, putNumber, type Output } from '../output.js';
import type { TextForm } from '../reply-form.js';
import type { HitReply, Reply, ResultStatus, StatReply } from '../reply.js';

const SPACE = 0x20;
const CR = 0x0d;
const LINE_FEED = 0x0a;
/** Flags and length of a VALUE line, the spaces before them and its end. */
const LINE_NUMBERS_BYTES_MAX = 2 * NUMBER_BYTES_MAX + 4;
const CRLF = Buffer.from('\r\n');
const LF = Buffer.from('\n');
const VALUE = Buffer.from('VALUE ');
const END = Buffer.from('END\r\n');
const NOT_EXISTS = Buffer.from('Not-Exists\r\n');
const MN = Buffer.from('MN\r\n');
const RESET = Buffer.from('RESET\r\n');

const RESULTS: Readonly<Record<ResultStatus, Buffer>> = {
  stored: Buffer.from('STORED\r\n'),
  'not-stored': Buffer.from('NOT_STORED\r\n'),
  exists: Buffer.from('EXISTS\r\n'),
  'not-found': Buffer.from('NOT_FOUND\r\n'),
  deleted: Buffer.from('DELETED\r\n'),
  touched: Buffer.from('TOUCHED\r\n'),
  ok: Buffer.from('OK\r\n'),
};

/** Appends `reply`, or nothing when the request said noreply. */
export function composeText(output: Output, form: TextForm, reply: Reply): void {
  if (form.quiet) return;
  switch (reply.kind) {
    case 'hit':
      writeHit(output, form, reply);
      break;
    case 'miss':
      break;
    case 'end':
      output.writeBytes(form.wire === 'plain' && reply.hits === 0 ? NOT_EXISTS : END);
      break;
    case 'result':
      output.writeBytes(RESULTS[reply.status]);
      break;
    case 'number':
      output.writeBigInt(reply.number);
      output.writeBytes(CRLF);
      break;
    case 'error':
      output.writeBytes(formOfError(reply.error).line);
      break;
    case 'stat':
      writeStat(output, reply);
      break;
    case 'line':
      output.writeBytes(reply.line);
      output.writeBytes(reply.ending === 'lf' ? LF : CRLF);
      break;
    case 'version':
      output.writeText(`VERSION ${reply.version}\r\n`);
      break;
    case 'value-end':
      output.writeBytes(CRLF);
      break;
    case 'reset':
      output.writeBytes(RESET);
      break;
    case 'noop':
      output.writeBytes(MN);
      break;
    case 'authenticated':
      output.writeBytes(RESULTS.stored);
      break;
    case 'debug':
    case 'sasl-mechanisms':
      // The text protocol has no request for either.
      break;
  }
}

/** Writes `VALUE <key> <flags> <bytes>[ <cas>]` straight into reserved room, and then the value. */
function writeHit(output: Output, form: TextForm, reply: HitReply): void {
  const { key, item } = reply;
  const { keyStart = 0, keyEnd = key.length } = reply;
  const { source, valueBytes } = item;
  const lineBytes = VALUE.length + keyEnd - keyStart + LINE_NUMBERS_BYTES_MAX;
  if (output.end + lineBytes > output.buffer.length) output.reserve(lineBytes);
  const { buffer } = output;
  let at = output.end;
  for (let from = 0; from < VALUE.length; from += 1) buffer[at++] = VALUE[from]!;
  for (let from = keyStart; from < keyEnd; from += 1) buffer[at++] = key[from]!;
  buffer[at++] = SPACE;
  if (form.wire === 'text') {
    at = putNumber(buffer, at, item.flags);
    buffer[at++] = SPACE;
  }
  at = putNumber(buffer, at, valueBytes);
  if (form.withCas) {
    output.wroteUpTo(at);
    output.writeByte(SPACE);
    output.writeBigInt(item.cas);
    output.writeBytes(CRLF);
  } else {
    buffer[at] = CR;
    buffer[at + 1] = LINE_FEED;
    output.wroteUpTo(at + 2);
  }
  if (source === undefined) return;
  output.writeValueLine(source, item.words, item.start, item.start + valueBytes, item.isLasting);
}

function writeStat(output: Output, stat: StatReply): void {
  output.writeText(
    stat.value === '' ? `STAT ${stat.name}\r\n` : `STAT ${stat.name} ${stat.value}\r\n`,
  );
}
