// Snapshot parser: reads a JSON snapshot, or ndjson, back into entries, line by line
// (docs/format.md, "JSON snapshot"). No I/O: the caller passes the chunks.
//
// Invariants:
// - Memory holds the current line and its value, never the file.
// - Nothing is guessed. A line that is no entry, a wrong checksum or count, and an early end throw KV_CORRUPTION
//   with the number, the beginning and the byte offset of the line.
// - No byte is changed: bytes that are not valid UTF-8, and half a surrogate pair, are refused; otherwise two
//   keys could become one.
// - A large base64 value is decoded without ever being a JavaScript string: strings end at 512 MiB.

import { constants, isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';

import { KvError } from '../../errors.js';
import { jsonLine, printableKey } from '../../printable.js';
import { ENTRY_FIELDS, entryOfFields, headOfFields, type RefuseField } from './entry-fields.js';
import { composeChecksum, SNAPSHOT_FORMAT, SNAPSHOT_VERSION } from './format.js';
import type { SnapshotEntry } from './entry-fields.js';
import type { SnapshotForm } from './format.js';

interface SnapshotSummary {
  readonly form: SnapshotForm;
  /** The seq of a JSON snapshot; undefined for ndjson. */
  readonly seq: number | undefined;
  readonly createdAt: number | undefined;
  readonly count: number;
  /** True when a last line had the right number of entries and their checksum. */
  readonly isProved: boolean;
}

/** The value of a longer line is decoded apart: JSON.parse gets the line without it. */
const PARSE_WHOLE_BYTES_MAX = 16 * 1024 * 1024;
/** Characters of base64 that are decoded at once; a multiple of 4. */
const DECODE_PIECE_BYTES = 4 * 1024 * 1024;
const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const VALUE_START = Buffer.from('"value":"');
const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** The last line of ndjson; no entry begins like this. */
const LINES_TRAILER = /^\{"count":\d{1,16},"checksum":"crc32:[0-9a-f]{8}"\}$/;
const EXCERPT_BYTES = 40;

interface DumpReading {
  /** Lines of ndjson may have been removed or joined from several files: last lines are not checked. */
  readonly partial?: boolean;
}

export class SnapshotParser {
  readonly #path: string;
  #pieces: Buffer[] = [];
  /** Byte position of the current line. */
  #offset = 0;
  #header: Buffer | undefined;
  #form: SnapshotForm | undefined;
  #summary: { seq: number; createdAt: number; count: number } | undefined;
  #checksum = 0;
  #count = 0;
  #ended = false;
  readonly #partial: boolean;
  #current: Buffer = Buffer.alloc(0);
  #lineNumber = 0;

  /** `path` is named in errors. */
  constructor(path: string, options: DumpReading = {}) {
    this.#path = path;
    this.#partial = options.partial === true;
  }

  /** Number of the last line that was read, from 1 on. */
  get line(): number {
    return this.#lineNumber;
  }

  /** Yields the entries whose lines end in this chunk. Requires: the caller takes them all before the next call. */
  *push(chunk: Buffer): Generator<SnapshotEntry> {
    let rest = chunk;
    for (;;) {
      const end = rest.indexOf(LINE_FEED);
      if (end < 0) break;
      const line = this.#joined(rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
      const entry = this.#line(line);
      this.#offset += line.length;
      if (entry !== undefined) yield entry;
    }
    if (rest.length > 0) this.#pieces.push(Buffer.from(rest));
  }

  /** Called after the last chunk: yields an entry without a line end (ndjson only), then checks the end. */
  *end(): Generator<SnapshotEntry> {
    if (this.#pieces.length > 0) {
      const entry = this.#line(this.#joined(Buffer.alloc(0)));
      if (entry !== undefined) yield entry;
    }
    if (this.#form === 'json' && !this.#ended)
      this.#refuse('the file ends after this line, but the snapshot does not');
  }

  /** Returns a summary of the lines that were read; complete after end(). */
  summary(): SnapshotSummary {
    const { seq, createdAt } = this.#summary ?? {};
    const [form, count, isProved] = [this.#form ?? 'ndjson', this.#count, this.#ended] as const;
    return { form, seq, createdAt, count, isProved };
  }

  #joined(last: Buffer): Buffer {
    if (this.#pieces.length === 0) return last;
    const line = Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    return line;
  }

  #line(whole: Buffer): SnapshotEntry | undefined {
    this.#lineNumber += 1;
    const isMarked = this.#lineNumber === 1 && whole.indexOf(BYTE_ORDER_MARK) === 0;
    const line = isMarked ? whole.subarray(BYTE_ORDER_MARK.length) : whole;
    this.#current = line;
    const content = withoutLineEnd(line);
    if (content.length === 0) {
      if (this.#form === 'json' && !this.#ended) this.#refuse('it is empty');
      return undefined;
    }
    if (this.#ended && !this.#partial) this.#refuse('it follows the last line');
    if (!isUtf8(content)) this.#refuse('it is not valid UTF-8');
    if (this.#form === undefined && this.#takeHeader(line, content)) return undefined;
    if (this.#form === 'ndjson' && LINES_TRAILER.test(content.toString('latin1', 0, 100))) {
      this.#takeLinesTrailer(content);
      return undefined;
    }
    if (this.#form === 'json' && content[0] === 0x5d) {
      this.#takeTrailer(content);
      return undefined;
    }
    this.#addToChecksum(line, content);
    const entry = this.#entry(content.at(-1) === COMMA ? content.subarray(0, -1) : content);
    this.#count += 1;
    return entry;
  }

  /** Finds the form from the first line. Returns true when the line is a header. */
  #takeHeader(line: Buffer, content: Buffer): boolean {
    if (!content.toString('latin1', 0, 10).startsWith('{"format"')) {
      this.#form = 'ndjson';
      return false;
    }
    this.#form = 'json';
    this.#header = hasCarriageReturn(line) ? Buffer.concat([content, Buffer.of(LINE_FEED)]) : line;
    const header = this.#json(`${content.toString('utf8')}]}`);
    const { format, version, seq, createdAt, count } = header;
    if (format !== SNAPSHOT_FORMAT) this.#refuse('this is no snapshot of Cairn');
    if (version !== SNAPSHOT_VERSION) {
      const message = `The snapshot has version ${String(version)}; this program reads ${SNAPSHOT_VERSION}`;
      throw new KvError('KV_FORMAT_VERSION', message, { path: this.#path });
    }
    this.#summary = {
      seq: this.#number(seq, 'seq'),
      createdAt: this.#number(createdAt, 'createdAt'),
      count: this.#number(count, 'count'),
    };
    return true;
  }

  /** The checksum is over the lines as kv-dump wrote them: a copy through Windows may have put CR before each LF. */
  #addToChecksum(line: Buffer, content: Buffer): void {
    if (!hasCarriageReturn(line)) this.#checksum = crc32(line, this.#checksum);
    else this.#checksum = crc32('\n', crc32(content, this.#checksum));
  }

  #takeTrailer(content: Buffer): void {
    const { checksum } = this.#json(`{"entries":[${content.toString('utf8')}`);
    const found = composeChecksum(crc32(this.#header ?? '', this.#checksum));
    if (checksum !== found) this.#refuse(`the checksum is ${found}, not ${String(checksum)}`);
    const { count } = this.#summary ?? {};
    if (count !== this.#count)
      this.#refuse(`there are ${this.#count} entries, not ${String(count)}`);
    this.#ended = true;
  }

  #takeLinesTrailer(content: Buffer): void {
    const { count, checksum } = this.#json(content.toString('latin1'));
    this.#ended = true;
    if (this.#partial) return;
    if (count !== this.#count)
      this.#refuse(`there are ${this.#count} entries, not ${String(count)}`);
    const found = composeChecksum(this.#checksum);
    if (checksum !== found) this.#refuse(`the checksum is ${found}, not ${String(checksum)}`);
  }

  #entry(content: Buffer): SnapshotEntry {
    const large = content.length > PARSE_WHOLE_BYTES_MAX ? largeValueOf(content) : undefined;
    if (large === undefined && content.length > constants.MAX_STRING_LENGTH) {
      this.#refuse('a value of this size must be base64');
    }
    const fields = this.#json(
      large === undefined
        ? content.toString('utf8')
        : content.toString('utf8', 0, large.start) + content.toString('utf8', large.end),
    );
    const refuse: RefuseField = (message) => this.#refuse(message);
    const head = headOfFields(fields, refuse);
    if (this.#partial) this.#requireKnownFields(fields);
    if (fields['value'] === undefined) this.#refuse('it has no value: this is a list of keys');
    if (large === undefined) return entryOfFields(fields, refuse);
    const value = this.#largeBytes(content.subarray(large.start, large.end), fields['encoding']);
    return { ...head, value };
  }

  /** A line that was written by hand may have a `ttl`. Without this check its item would never expire. */
  #requireKnownFields(fields: Readonly<Record<string, unknown>>): void {
    const known: readonly string[] = ENTRY_FIELDS;
    const strange = Object.keys(fields).find((name) => !known.includes(name));
    if (strange === undefined) return;
    const next = `an entry has ${known.join(', ')}; kv-load --columns takes only the fields that it names`;
    this.#refuse(`it has a field ${jsonLine(strange)}: ${next}`);
  }

  #json(text: string): Record<string, unknown> {
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
    } catch (error: unknown) {
      this.#refuse('it is not JSON', error);
    }
    return this.#refuse('it is not a JSON object');
  }

  #largeBytes(text: Buffer, encoding: unknown): Buffer {
    if (encoding !== 'base64') this.#refuse('a value of this size must be base64');
    const padding = text.at(-2) === 0x3d ? 2 : text.at(-1) === 0x3d ? 1 : 0;
    const value = Buffer.allocUnsafe(Math.max(0, (text.length / 4) * 3 - padding));
    let filled = 0;
    for (let at = 0; at < text.length; at += DECODE_PIECE_BYTES) {
      const piece = text.toString('latin1', at, at + DECODE_PIECE_BYTES);
      filled += value.write(piece, filled, 'base64');
    }
    if (text.length % 4 !== 0 || filled !== value.length) this.#refuse('its value is not base64');
    return value;
  }

  #number(value: unknown, name: string, max = Number.MAX_SAFE_INTEGER): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
      return this.#refuse(`${name} is not a whole number from 0 to ${max}`);
    }
    return value;
  }

  #refuse(message: string, cause?: unknown): never {
    const line = withoutLineEnd(this.#current);
    const more = line.length > EXCERPT_BYTES ? '…' : '';
    const place = `Line ${this.#lineNumber} (${printableKey(line.subarray(0, EXCERPT_BYTES))}${more})`;
    const details = { path: this.#path, offset: this.#offset, cause };
    throw new KvError('KV_CORRUPTION', `${place}: ${message}`, details);
  }
}

/**
 * Returns the place of the value's text. The bytes `"value":"` cannot be inside a JSON string, where the
 * quotes would be escaped. base64 has no quote, so the next quote ends the value.
 */
function largeValueOf(content: Buffer): { start: number; end: number } | undefined {
  const at = content.indexOf(VALUE_START);
  if (at < 0) return undefined;
  const start = at + VALUE_START.length;
  const end = content.indexOf('"', start, 'latin1');
  return end < 0 || content.subarray(start, end).includes('\\') ? undefined : { start, end };
}

function hasCarriageReturn(line: Buffer): boolean {
  return line.at(-1) === LINE_FEED && line.at(-2) === 0x0d;
}

function withoutLineEnd(line: Buffer): Buffer {
  let end = line.length;
  if (line[end - 1] === LINE_FEED) end -= 1;
  if (line[end - 1] === 0x0d) end -= 1;
  return line.subarray(0, end);
}
