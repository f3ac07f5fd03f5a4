// Replies of the classic text protocol, and of the plain dialect, which differs in the answers to gets
// alone: VALUE lines without flags, and Not-Exists when nothing was found (docs/protocol.md).

import { formOfError } from '../errors.js';
import type { Output } from '../output.js';
import type { TextForm } from '../reply-form.js';
import type { HitReply, Reply, ResultStatus, StatReply } from '../reply.js';

const SPACE = 0x20;
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

/** Appends `reply`; nothing when the request said noreply. */
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
      // Neither can be asked for in text.
      break;
  }
}

function writeHit(output: Output, form: TextForm, { key, keyStart, keyEnd, item }: HitReply): void {
  const { source, words, start, valueBytes } = item;
  output.writeBytes(VALUE);
  output.writeBytes(key, keyStart, keyEnd);
  output.writeByte(SPACE);
  if (form.wire === 'text') {
    output.writeNumber(item.flags);
    output.writeByte(SPACE);
  }
  output.writeNumber(valueBytes);
  if (form.withCas) {
    output.writeByte(SPACE);
    output.writeBigInt(item.cas);
  }
  output.writeBytes(CRLF);
  if (source === undefined) return;
  output.writeValue(source, words, start, start + valueBytes, item.isLasting);
  output.writeBytes(CRLF);
}

function writeStat(output: Output, stat: StatReply): void {
  output.writeText(
    stat.value === '' ? `STAT ${stat.name}\r\n` : `STAT ${stat.name} ${stat.value}\r\n`,
  );
}
