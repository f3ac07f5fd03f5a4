// Replies of the binary protocol: a 24-byte header, extras, key, value. A quiet opcode hides success (for a get: the
// miss), never an error.

import { BINARY_STATUS, formOfError } from '../errors.js';
import type { Output } from '../output.js';
import type { BinaryForm } from '../reply-form.js';
import type { ErrorName, HitReply, MissReply, Reply, ResultReply } from '../reply.js';

const RESPONSE_MAGIC = 0x81;
const FLAGS_BYTES = 4;
const NUMBER_BYTES = 8;
const SPACE = 0x20;
const NOTHING = Buffer.alloc(0);
const NOT_FOUND = Buffer.from('Not found');
const EXISTS = Buffer.from('Data exists for key.');
const NOT_STORED = Buffer.from('Not stored.');
const AUTHENTICATED = Buffer.from('Authenticated');

// Opcodes that have replies of their own for failures or listings.
const ADD = new Set([0x02, 0x12]);
const REPLACE = new Set([0x03, 0x13]);
const CONCATENATE = new Set([0x0e, 0x0f, 0x19, 0x1a]);
const STAT = 0x10;

/** Appends `reply`, or nothing when the opcode is quiet about it. */
export function composeBinary(output: Output, form: BinaryForm, reply: Reply): void {
  switch (reply.kind) {
    case 'hit':
      writeHit(output, form, reply);
      break;
    case 'miss':
      writeMiss(output, form, reply);
      break;
    case 'result':
      writeResult(output, form, reply);
      break;
    case 'number':
      if (form.quiet) break;
      writeHeader(output, form, BINARY_STATUS.ok, 0, 0, NUMBER_BYTES, reply.cas);
      output.writeUint64(reply.number);
      break;
    case 'error':
      writeError(output, form, reply.error);
      break;
    case 'stat':
      writePair(output, form, Buffer.from(reply.name), Buffer.from(reply.value));
      break;
    case 'line':
      writeLine(output, form, reply.line);
      break;
    case 'end':
      // A get has ended with its hit or miss; listings end with an empty packet.
      if (form.opcode === STAT) writeText(output, form, BINARY_STATUS.ok, NOTHING);
      break;
    case 'reset':
    case 'noop':
      writeText(output, form, BINARY_STATUS.ok, NOTHING);
      break;
    case 'version':
      writeText(output, form, BINARY_STATUS.ok, Buffer.from(reply.version));
      break;
    case 'sasl-mechanisms':
      writeText(output, form, BINARY_STATUS.ok, Buffer.from(reply.mechanisms));
      break;
    case 'authenticated':
      writeText(output, form, BINARY_STATUS.ok, AUTHENTICATED);
      break;
    case 'value-end':
    case 'debug':
      // A value has no end mark here, and binary has no me.
      break;
  }
}

function writeHit(output: Output, form: BinaryForm, hit: HitReply): void {
  const { key, keyStart = 0, keyEnd = key.length, item } = hit;
  const { source, words, start, valueBytes } = item;
  const keyBytes = form.withKey ? keyEnd - keyStart : 0;
  const bodyBytes = FLAGS_BYTES + keyBytes + valueBytes;
  writeHeader(output, form, BINARY_STATUS.ok, keyBytes, FLAGS_BYTES, bodyBytes, item.cas);
  output.writeUint32(item.flags);
  if (form.withKey) output.writeBytes(key, keyStart, keyEnd);
  if (source !== undefined)
    output.writeValue(source, words, start, start + valueBytes, item.isLasting);
}

function writeMiss(output: Output, form: BinaryForm, miss: MissReply): void {
  if (form.quiet) return;
  if (!form.withKey) {
    writeText(output, form, BINARY_STATUS.notFound, NOT_FOUND);
    return;
  }
  const { key, keyStart = 0, keyEnd = key.length } = miss;
  const keyBytes = keyEnd - keyStart;
  writeHeader(output, form, BINARY_STATUS.notFound, keyBytes, 0, keyBytes, 0n);
  output.writeBytes(key, keyStart, keyEnd);
}

function writeResult(output: Output, form: BinaryForm, result: ResultReply): void {
  switch (result.status) {
    case 'stored':
    case 'touched':
      if (!form.quiet) writeHeader(output, form, BINARY_STATUS.ok, 0, 0, 0, result.cas);
      break;
    case 'deleted':
    case 'ok':
      if (!form.quiet) writeHeader(output, form, BINARY_STATUS.ok, 0, 0, 0, 0n);
      break;
    case 'exists':
      writeText(output, form, BINARY_STATUS.exists, EXISTS);
      break;
    case 'not-found':
      if (CONCATENATE.has(form.opcode)) writeNotStored(output, form);
      else writeText(output, form, BINARY_STATUS.notFound, NOT_FOUND);
      break;
    case 'not-stored':
      writeNotStored(output, form);
      break;
  }
}

/** Adding an existing key, replacing a missing one and appending to a missing one each have a status of their own. */
function writeNotStored(output: Output, form: BinaryForm): void {
  if (ADD.has(form.opcode)) writeText(output, form, BINARY_STATUS.exists, EXISTS);
  else if (REPLACE.has(form.opcode)) writeText(output, form, BINARY_STATUS.notFound, NOT_FOUND);
  else writeText(output, form, BINARY_STATUS.notStored, NOT_STORED);
}

function writeError(output: Output, form: BinaryForm, error: ErrorName): void {
  if (form.opcode === STAT && (error === 'unknown-command' || error === 'bad-detail')) {
    writeText(output, form, BINARY_STATUS.notFound, NOT_FOUND);
    return;
  }
  const { status, text } = formOfError(error);
  writeText(output, form, status, text);
}

/** Writes a line of a listing. Its first word becomes the key, because an empty key would end the listing. */
function writeLine(output: Output, form: BinaryForm, line: Buffer): void {
  const space = line.indexOf(SPACE);
  const end = space < 0 ? line.length : space;
  writePair(output, form, line.subarray(0, end), line.subarray(end + 1));
}

function writePair(output: Output, form: BinaryForm, name: Buffer, value: Buffer): void {
  writeHeader(output, form, BINARY_STATUS.ok, name.length, 0, name.length + value.length, 0n);
  output.writeBytes(name);
  output.writeBytes(value);
}

function writeText(output: Output, form: BinaryForm, status: number, text: Buffer): void {
  writeHeader(output, form, status, 0, 0, text.length, 0n);
  output.writeBytes(text);
}

function writeHeader(
  output: Output,
  form: BinaryForm,
  status: number,
  keyBytes: number,
  extrasBytes: number,
  bodyBytes: number,
  cas: bigint,
): void {
  output.writeByte(RESPONSE_MAGIC);
  output.writeByte(form.opcode);
  output.writeUint16(keyBytes);
  output.writeByte(extrasBytes);
  output.writeByte(0);
  output.writeUint16(status);
  output.writeUint32(bodyBytes);
  output.writeUint32(form.opaque);
  output.writeUint64(cas);
}
