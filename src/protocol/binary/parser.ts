// The parser of the binary protocol: a 24-byte header, extras, key, value (docs/protocol.md, "Binary protocol").
//
// Invariants:
// - A header is checked as soon as it has arrived. The parser never waits for a body that a wrong header announces,
//   and never allocates it.
// - The reply to a malformed request is the last one, because nothing that follows can be trusted to be a
//   header.

import { isWellFormed, type Opcode, OPCODES } from './opcodes.js';
import {
  CLOSE,
  NEED_MORE,
  type Parsed,
  type ParserOptions,
  type RequestParser,
  VALUE_END,
} from '../parser.js';
import { lineRequests } from '../text/line-context.js';
import type { ReceiveBuffer } from '../receive-buffer.js';
import { errorReply, type ErrorName } from '../reply.js';
import type { BinaryForm } from '../reply-form.js';
import { PutRequest, type PutRequestMode, type Request } from '../request.js';

const MAGIC = 0x80;
const HEADER_BYTES = 24;
/** Name and password are short, so a longer SASL request is refused. */
const SASL_BYTES_MAX = 16_384;
/** This expiration means: do not create a missing item. */
const DO_NOT_CREATE = 0xff_ff_ff_ff;
const STAT_WORDS_MAX = 8;

type State = 'header' | 'pieces' | 'skip' | 'closed';

/** All connections share one object per kind, because a request is over before the next one is read. */
const REQUESTS = lineRequests();
const PUT = new PutRequest();

export class BinaryParser implements RequestParser {
  readonly #options: ParserOptions;
  readonly #buffer: ReceiveBuffer;
  #state: State = 'header';
  /** Bytes that must arrive before the request at the front is whole. */
  #needed = HEADER_BYTES;
  /** Bytes of a value still to give out, or of a body to skip. */
  #remaining = 0;

  constructor(options: ParserOptions, buffer: ReceiveBuffer) {
    this.#options = options;
    this.#buffer = buffer;
  }

  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  get inValue(): boolean {
    return this.#needed > HEADER_BYTES || this.#state === 'pieces' || this.#state === 'skip';
  }

  settle(): void {
    this.#buffer.settle();
  }

  room(): Buffer | undefined {
    return this.#buffer.room();
  }

  push(chunk: Buffer): void {
    if (this.#state !== 'closed') this.#buffer.push(chunk);
  }

  /** SASL does not change the parser: the server refuses requests that come before the login. */
  admit(): void {
    // Nothing to do.
  }

  next(): Parsed {
    let parsed: Parsed | undefined;
    do parsed = this.#step();
    while (parsed === undefined);
    if (parsed === NEED_MORE) this.#buffer.settle();
    return parsed;
  }

  #step(): Parsed | undefined {
    switch (this.#state) {
      case 'header':
        return this.#nextRequest();
      case 'pieces':
        return this.#nextPiece();
      case 'skip':
        return this.#skip();
      default:
        return CLOSE;
    }
  }

  #nextRequest(): Parsed {
    const buffer = this.#buffer;
    const { bytes, start, end } = buffer;
    if (end > start && bytes[start] !== MAGIC) return this.#close();
    if (end - start < this.#needed) return NEED_MORE;
    const number = bytes[start + 1]!;
    const keyBytes = bytes.readUInt16BE(start + 2);
    const extrasBytes = bytes[start + 4]!;
    const bodyBytes = bytes.readUInt32BE(start + 8);
    const opcode = OPCODES[number];
    const form: BinaryForm = {
      wire: 'binary',
      opcode: number,
      opaque: bytes.readUInt32BE(start + 12),
      quiet: opcode !== undefined && opcode.quiet,
      withKey: opcode !== undefined && opcode.withKey,
    };
    const valueBytes = bodyBytes - keyBytes - extrasBytes;
    if (valueBytes < 0) return this.#refuse(form, 'unknown-command');
    if (opcode === undefined) return this.#skipUnknown(form, bodyBytes);
    if (!isWellFormed(opcode, keyBytes, extrasBytes, valueBytes, this.#options.keyBytesMax)) {
      return this.#refuse(form, 'invalid-arguments');
    }
    const isStorage = opcode.withValue && !opcode.command.startsWith('sasl');
    if (!isStorage && valueBytes > SASL_BYTES_MAX) return this.#refuse(form, 'invalid-arguments');
    const isInline = !isStorage || valueBytes <= this.#options.inlineValueBytesMax;
    const isOversized = isStorage && valueBytes > this.#options.valueBytesMax;
    const whole = HEADER_BYTES + (isInline && !isOversized ? bodyBytes : keyBytes + extrasBytes);
    if (end - start < whole) {
      this.#needed = whole;
      buffer.expect(whole);
      return NEED_MORE;
    }
    this.#needed = HEADER_BYTES;
    if (buffer.expected !== 0) buffer.arrived();
    buffer.start = start + whole;
    const keyStart = start + HEADER_BYTES + extrasBytes;
    const key = bytes.subarray(keyStart, keyStart + keyBytes);
    if (isOversized) {
      this.#remaining = valueBytes;
      this.#state = 'skip';
      return { kind: 'oversized-put', form, key, valueBytes };
    }
    if (!isInline) {
      this.#remaining = valueBytes;
      this.#state = 'pieces';
      return this.#put(opcode.command as PutRequestMode, form, key, start, valueBytes, undefined);
    }
    const value = bytes.subarray(start + whole - valueBytes, start + whole);
    return this.#request(opcode, form, key, start, value);
  }

  /** Returns the request whose header begins at `start`. Requires: its body has arrived. */
  #request(opcode: Opcode, form: BinaryForm, key: Buffer, start: number, value: Buffer): Request {
    const { command } = opcode;
    switch (command) {
      case 'get':
      case 'get-and-touch': {
        const { get } = REQUESTS;
        get.form = form;
        get.setKey(key);
        get.touchExptime = command === 'get' ? undefined : this.#exptime(start);
        return get;
      }
      case 'set':
      case 'add':
      case 'replace':
      case 'append':
      case 'prepend':
        return this.#put(command, form, key, start, value.length, value);
      case 'delete':
        return this.#delete(form, key, start);
      case 'incr':
      case 'decr':
        return this.#arithmetic(command, form, key, start);
      case 'touch':
        return this.#touch(form, key, start);
      case 'flush': {
        const exptime = this.#buffer.bytes[start + 4] === 0 ? 0 : this.#exptime(start);
        return { kind: 'flush', form, exptime };
      }
      case 'stat':
        return { kind: 'stats', form, words: statWords(key) };
      case 'sasl-auth':
      case 'sasl-step':
        return authentication(form, command === 'sasl-auth' ? key : NOTHING, value);
      default:
        return { kind: command, form };
    }
  }

  #put(
    mode: PutRequestMode,
    form: BinaryForm,
    key: Buffer,
    start: number,
    valueBytes: number,
    value: Buffer | undefined,
  ): PutRequest {
    const { bytes } = this.#buffer;
    const hasExtras = bytes[start + 4] !== 0;
    const put = PUT;
    const compareCas = this.#cas(start);
    // As in memcached: an Add with a token is a Set with one.
    put.reset(form, mode === 'add' && compareCas !== undefined ? 'set' : mode);
    put.setKey(key);
    put.flags = hasExtras ? bytes.readUInt32BE(start + HEADER_BYTES) : 0;
    put.exptime = hasExtras ? bytes.readUInt32BE(start + HEADER_BYTES + 4) : 0;
    put.valueBytes = valueBytes;
    put.value = value;
    put.compareCas = compareCas;
    return put;
  }

  #delete(form: BinaryForm, key: Buffer, start: number): Request {
    const request = REQUESTS.delete;
    request.form = form;
    request.setKey(key);
    request.compareCas = this.#cas(start);
    return request;
  }

  #touch(form: BinaryForm, key: Buffer, start: number): Request {
    const request = REQUESTS.touch;
    request.form = form;
    request.setKey(key);
    request.exptime = this.#exptime(start);
    return request;
  }

  #arithmetic(direction: 'incr' | 'decr', form: BinaryForm, key: Buffer, start: number): Request {
    const { bytes } = this.#buffer;
    const extras = start + HEADER_BYTES;
    const expiration = bytes.readUInt32BE(extras + 16);
    const initial = bytes.readBigUInt64BE(extras + 8);
    const request = REQUESTS.arithmetic;
    request.form = form;
    request.setKey(key);
    request.direction = direction;
    request.delta = bytes.readBigUInt64BE(extras);
    request.compareCas = this.#cas(start);
    request.create =
      expiration === DO_NOT_CREATE ? undefined : { value: initial, exptime: expiration };
    return request;
  }

  /** Returns the CAS field of the header; undefined for 0, which asks for no comparison. */
  #cas(start: number): bigint | undefined {
    const { bytes } = this.#buffer;
    if (bytes.readUInt32BE(start + 16) === 0 && bytes.readUInt32BE(start + 20) === 0) {
      return undefined;
    }
    return bytes.readBigUInt64BE(start + 16);
  }

  /** Reads the extras of touch, gat and flush. Unsigned, as in memcached: from 2^31 on it is a time after January 2038. */
  #exptime(start: number): number {
    return this.#buffer.bytes.readUInt32BE(start + HEADER_BYTES);
  }

  #nextPiece(): Parsed {
    const buffer = this.#buffer;
    const { bytes, start } = buffer;
    if (this.#remaining === 0) {
      this.#state = 'header';
      return VALUE_END;
    }
    if (buffer.length === 0) return NEED_MORE;
    const size = Math.min(this.#remaining, buffer.length);
    buffer.start += size;
    this.#remaining -= size;
    return { kind: 'value-piece', bytes: bytes.subarray(start, start + size) };
  }

  #skip(): Parsed | undefined {
    const buffer = this.#buffer;
    const skipped = Math.min(this.#remaining, buffer.length);
    buffer.start += skipped;
    this.#remaining -= skipped;
    if (this.#remaining > 0) return NEED_MORE;
    this.#state = 'header';
    return undefined;
  }

  #skipUnknown(form: BinaryForm, bodyBytes: number): Parsed {
    this.#buffer.start += HEADER_BYTES;
    this.#remaining = bodyBytes;
    this.#state = 'skip';
    return { kind: 'answer', form, reply: errorReply('unknown-command'), close: false };
  }

  /** Returns the error that is the last reply of this connection. */
  #refuse(form: BinaryForm, error: ErrorName): Parsed {
    this.#close();
    return { kind: 'answer', form, reply: errorReply(error), close: true };
  }

  #close(): Parsed {
    this.#state = 'closed';
    this.#buffer.start = this.#buffer.end;
    return CLOSE;
  }
}

function statWords(key: Buffer): readonly string[] {
  if (key.length === 0) return [];
  return key
    .toString('latin1')
    .split(' ', STAT_WORDS_MAX)
    .filter((word) => word !== '');
}

/** Parses SASL PLAIN: [authorization id] NUL user NUL password. Any other value gives an empty name and password. */
function authentication(form: BinaryForm, mechanism: Buffer, value: Buffer): Request {
  const userStart = value.indexOf(0) + 1;
  const userEnd = value.indexOf(0, userStart);
  const isPlain = mechanism.equals(PLAIN) && userStart > 0 && userEnd >= 0;
  return {
    kind: 'authenticate',
    form,
    user: isPlain ? value.subarray(userStart, userEnd) : NOTHING,
    password: isPlain ? value.subarray(userEnd + 1) : NOTHING,
  };
}

const PLAIN = Buffer.from('PLAIN');
const NOTHING = Buffer.alloc(0);
