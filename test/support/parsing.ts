// Drives a parser as a connection does, over one memory that is overwritten after each chunk, like a reused read buffer.
// It notes what the parser returns in a form that can be compared.

import { compose } from '../../src/protocol/composer.js';
import { openParser } from '../../src/protocol/open-parser.js';
import { Output } from '../../src/protocol/output.js';
import {
  CLOSE,
  DEFAULT_PARSER_OPTIONS,
  NEED_MORE,
  type Parsed,
  type ParserOptions,
  type RequestParser,
} from '../../src/protocol/parser.js';
import { ReceiveBuffer } from '../../src/protocol/receive-buffer.js';
import type { PutRequest } from '../../src/protocol/request.js';

export interface Parsing {
  /** One entry per request; the parts of a get and the pieces of a value are put together. */
  readonly events: readonly Note[];
  readonly bufferedBytesMax: number;
  readonly closed: boolean;
}

export type Note = Record<string, unknown>;

/** The parser's side of a connection: its input, and the parser that its first byte called for. */
export class Incoming {
  readonly #options: ParserOptions;
  readonly #input = new ReceiveBuffer();
  #parser: RequestParser | undefined;

  constructor(options: Partial<ParserOptions> = {}) {
    this.#options = { ...DEFAULT_PARSER_OPTIONS, ...options };
  }

  get bufferedBytes(): number {
    return this.#input.length;
  }

  push(chunk: Buffer): void {
    this.#input.push(chunk);
  }

  next(): Parsed {
    if (this.#parser === undefined && this.#input.length === 0) return NEED_MORE;
    this.#parser ??= openParser(this.#options, this.#input);
    return this.#parser === undefined ? CLOSE : this.#parser.next();
  }
}

/** Parses `chunks` in turn. The notes hold no view into them. */
export function parseChunks(
  chunks: readonly Buffer[],
  options: Partial<ParserOptions> = {},
): Parsing {
  const parser = new Incoming(options);
  const events: Note[] = [];
  let bufferedBytesMax = 0;
  let closed = false;
  for (const chunk of chunks) {
    const lent = Buffer.from(chunk);
    parser.push(lent);
    for (;;) {
      const parsed = parser.next();
      if (parsed.kind === 'need-more') break;
      if (parsed.kind === 'close') {
        closed = true;
        break;
      }
      add(events, parsed);
    }
    lent.fill(0xee);
    bufferedBytesMax = Math.max(bufferedBytesMax, parser.bufferedBytes);
    if (closed) break;
  }
  return { events, bufferedBytesMax, closed };
}

/** Parses `text` (Latin-1) in one chunk. */
export function parseText(text: string, options: Partial<ParserOptions> = {}): readonly Note[] {
  return parseChunks([Buffer.from(text, 'latin1')], options).events;
}

/**
 * Returns what the client would read if every command were answered by its name, for example `<get k>`. The parser's own
 * answers stand as they are. The text ends in `[closed]` when the parser closes.
 */
export function dialogue(text: string, options: Partial<ParserOptions> = {}): string {
  const parser = new Incoming(options);
  const output = new Output();
  parser.push(Buffer.from(text, 'latin1'));
  for (;;) {
    const parsed = parser.next();
    if (parsed.kind === 'need-more') return output.take().toString('latin1');
    if (parsed.kind === 'close') return `${output.take().toString('latin1')}[closed]`;
    if (parsed.kind === 'answer') compose(output, parsed.form, parsed.reply);
    else output.writeText(`<${name(parsed)}>`);
  }
}

function name(parsed: Parsed): string {
  const note = plain(parsed) as Note;
  return 'key' in note ? `${parsed.kind} ${String(note['key'])}` : parsed.kind;
}

/** Appends an event, and joins a part with the event that it belongs to. */
function add(events: Note[], parsed: Parsed): void {
  const note = plain(parsed) as Note;
  const before = events.at(-1);
  if (note['kind'] === 'get') {
    const { key, ...get } = note;
    const keys = key === '' ? [] : [key];
    if (before?.['kind'] === 'get' && before['last'] === false) {
      before['keys'] = [...(before['keys'] as unknown[]), ...keys];
      before['last'] = note['last'];
    } else {
      events.push({ ...get, keys });
    }
  } else if (note['kind'] === 'value-piece' && before?.['kind'] === 'value-piece') {
    before['bytes'] = `${String(before['bytes'])}${String(note['bytes'])}`;
  } else {
    events.push(note);
  }
}

/** Returns a copy without Buffers and bigints. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Note = {};
  for (const [field, content] of Object.entries(wholeBytes(value))) {
    if (content !== undefined) copy[field] = plain(content);
  }
  return copy;
}

/** Returns key and value instead of their places, without what a StorageLine notes for the parser alone. */
function wholeBytes(value: object): object {
  if (!('keyStart' in value)) return value;
  const {
    key,
    keyStart,
    keyEnd,
    value: bytes,
    valueStart,
    error: _,
    tolerant: __,
    ...rest
  } = value as PutRequest & {
    readonly error?: unknown;
    readonly tolerant?: unknown;
  };
  const whole = { ...rest, key: key.subarray(keyStart, keyEnd) };
  if (!Buffer.isBuffer(bytes)) return whole;
  return { ...whole, value: bytes.subarray(valueStart, valueStart + rest.valueBytes) };
}
