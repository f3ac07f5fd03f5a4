// The parser of text and meta: finds lines, data blocks and the keys of a get, which may be longer than any line.
// Other files read the meaning of a line (storage.ts, commands.ts, ../meta/commands.ts); this file knows where
// lines and blocks begin and end (docs/protocol.md, "Framing and limits").
//
// Invariants:
// - At most one line and one value of `inlineValueBytesMax` are kept for the next chunk.
// - A refused line is answered once, and its block is skipped when its length could be read.
// - A line whose block is incomplete is read again with the whole block: only the buffer's `expected` is remembered.

import { LINE_BYTES_MAX, KEY_BYTES_MAX_DEFAULT } from '../../limits.js';
import { DataBlock } from './data-block.js';
import { looksLikeHttp } from './http-guard.js';
import { findLineFeed } from './line-end.js';
import { type LineContext, refusal, textForms } from './line-context.js';
import { MetaReader } from '../meta/commands.js';
import {
  CLOSE,
  NEED_MORE,
  type Parsed,
  type ParserOptions,
  type RequestParser,
  VALUE_END,
} from '../parser.js';
import { readExptime } from '../numbers.js';
import { ReceiveBuffer } from '../receive-buffer.js';
import type { ReplyForm, TextForm } from '../reply-form.js';
import { StorageLine } from './storage-line.js';
import { AuthenticationReader } from './authentication.js';
import { COMMAND_BYTES_MAX, LINE_READERS } from './commands.js';
import { GetRequest } from '../request.js';
import { keysAreShort, readGetPrefix } from './get.js';
import { readPlainLine } from './plain-lines.js';
import { isSet, readStorageLine } from './storage.js';
import { Words } from './words.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const LOWER_M = 0x6d;
const CRLF_BYTES = 2;

/** All connections share one object per kind, because a request is over before the next one is read. */
const GET = new GetRequest();
const STORAGE = new StorageLine();

type State = 'line' | 'keys' | 'skip-line' | 'skip-bytes' | 'pieces' | 'closed';

export class TextParser implements RequestParser {
  readonly #options: ParserOptions;
  readonly #buffer: ReceiveBuffer;
  readonly #context: LineContext;
  readonly #meta: MetaReader;
  readonly #lineBytesMax: number;
  #authentication: AuthenticationReader | undefined;
  #state: State = 'line';
  /** Bytes of a refused block still to skip, or of a value still to give out. */
  #remaining = 0;
  #getForm: TextForm;
  #getExptime: number | undefined;
  #getHasKeys = false;
  #blockForm: ReplyForm;
  #blockTolerant = false;
  readonly #blockPlace = new DataBlock();

  constructor(options: ParserOptions, buffer: ReceiveBuffer = new ReceiveBuffer()) {
    const forms = textForms(options.textWire);
    this.#options = options;
    this.#buffer = buffer;
    this.#context = { options, forms, words: new Words() };
    this.#meta = new MetaReader(this.#context);
    this.#getForm = forms.normal;
    this.#blockForm = forms.normal;
    // Longer keys (--max-key-bytes) allow longer lines.
    this.#lineBytesMax = LINE_BYTES_MAX + options.keyBytesMax - KEY_BYTES_MAX_DEFAULT;
    if (options.asciiAuthentication) {
      this.#authentication = new AuthenticationReader(this.#context);
    }
  }

  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  get inValue(): boolean {
    return this.#buffer.expected > 0 || this.#state === 'pieces' || this.#state === 'skip-bytes';
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

  admit(): void {
    this.#authentication = undefined;
  }

  next(): Parsed {
    for (;;) {
      const parsed = this.#state === 'line' ? this.#nextLine() : this.#step();
      if (parsed === undefined) continue;
      if (parsed === NEED_MORE) this.#buffer.settle();
      return parsed;
    }
  }

  /** Does one step; returns undefined when it used bytes without a result. */
  #step(): Parsed | undefined {
    switch (this.#state) {
      case 'keys':
        return this.#nextKeys();
      case 'skip-line':
        return this.#skipLine();
      case 'skip-bytes':
        return this.#skipBytes();
      case 'pieces':
        return this.#nextPiece();
      default:
        return CLOSE;
    }
  }

  #nextLine(): Parsed | undefined {
    const buffer = this.#buffer;
    const { bytes, start, end } = buffer;
    if (end - start < buffer.expected || end === start) return NEED_MORE;
    if (buffer.expected !== 0) buffer.arrived();
    if (this.#authentication === undefined) {
      const plain = readPlainLine(buffer, this.#context);
      if (plain !== undefined) return plain;
    }
    const lineFeed = findLineFeed(bytes, start, end);
    if (lineFeed < 0) return this.#unendedLine();
    const lineEnd = lineFeed > start && bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
    const after = lineFeed + 1;
    if (this.#authentication !== undefined) return this.#authenticate(start, lineEnd, after);

    const keysStart = readGetPrefix(bytes, start, lineEnd);
    if (keysStart !== 0) {
      const withCas = bytes[keysStart - 1] === 0x73;
      const form = withCas ? this.#context.forms.withCas : this.#context.forms.normal;
      return this.#openGet(form, undefined, keysStart, lineEnd, after);
    }
    const { words } = this.#context;
    words.split(bytes, start, lineEnd);
    return this.#readWords(lineEnd, after);
  }

  /** Dispatches a line by its first word. */
  #readWords(lineEnd: number, after: number): Parsed | undefined {
    const context = this.#context;
    const { words, forms } = context;
    const nameBytes = words.lengthOf(0);
    const { bytes } = words;
    const nameStart = words.starts[0]!;
    if (nameBytes < 2) return this.#done(after, refusal(forms.normal, 'bad-line'));
    if (nameBytes === 2 && bytes[nameStart] === LOWER_M) {
      if (bytes[nameStart + 1] === 0x73) {
        this.#meta.readStorage(STORAGE, lineEnd);
        return this.#block(after);
      }
      return this.#done(after, this.#meta.readLine(lineEnd));
    }
    if (nameBytes === 3 && isSet(bytes, nameStart)) {
      readStorageLine(STORAGE, context, 'set', false);
      return this.#block(after);
    }
    if (nameBytes > COMMAND_BYTES_MAX) return this.#unknown(after);
    const name = words.text(0);
    switch (name) {
      case 'add':
      case 'replace':
      case 'append':
      case 'prepend':
        readStorageLine(STORAGE, context, name, false);
        return this.#block(after);
      case 'cas':
        readStorageLine(STORAGE, context, 'set', true);
        return this.#block(after);
      case 'get':
      case 'gets':
        return this.#done(after, refusal(forms.normal, 'bad-line'));
      case 'gat':
      case 'gats':
        return this.#openGetAndTouch(name === 'gats', lineEnd, after);
      default: {
        const read = LINE_READERS.get(name);
        return read === undefined ? this.#unknown(after) : this.#done(after, read(context));
      }
    }
  }

  #done(after: number, parsed: Parsed): Parsed {
    this.#buffer.start = after;
    return parsed;
  }

  #close(): Parsed {
    this.#state = 'closed';
    this.#buffer.start = this.#buffer.end;
    return CLOSE;
  }

  /** Answers an unknown command with an error; closes without a byte for a browser or a port scanner. */
  #unknown(after: number): Parsed {
    const { words, forms } = this.#context;
    if (looksLikeHttp(words)) return this.#close();
    return this.#done(after, refusal(forms.normal, 'unknown-command'));
  }

  /** Handles a line without an end yet: waits, or closes if it is over the limit. A long get is read key by key. */
  #unendedLine(): Parsed | undefined {
    const { bytes, start, end } = this.#buffer;
    if (end - start <= this.#lineBytesMax) return NEED_MORE;
    const keysStart = this.#authentication === undefined ? readGetPrefix(bytes, start, end) : 0;
    if (keysStart === 0) return this.#close();
    const { forms } = this.#context;
    const form = bytes[keysStart - 1] === 0x73 ? forms.withCas : forms.normal;
    return this.#startKeys(form, undefined, keysStart);
  }

  #openGetAndTouch(withCas: boolean, lineEnd: number, after: number): Parsed | undefined {
    const { words, forms } = this.#context;
    const form = withCas ? forms.withCas : forms.normal;
    if (words.count < 3) return this.#done(after, refusal(form, 'bad-line'));
    const exptime = readExptime(words.bytes, words.starts[1]!, words.ends[1]!);
    if (Number.isNaN(exptime)) return this.#done(after, refusal(form, 'bad-exptime'));
    return this.#openGet(form, exptime, words.ends[1]!, lineEnd, after);
  }

  /**
   * Begins a whole get line. A bad key refuses a line of ordinary length before its first hit. It refuses a longer line
   * when its turn comes, however the line was cut.
   */
  #openGet(
    form: TextForm,
    exptime: number | undefined,
    keysStart: number,
    lineEnd: number,
    after: number,
  ): Parsed | undefined {
    const { keyBytesMax } = this.#options;
    const checked = lineEnd - this.#buffer.start <= this.#lineBytesMax;
    if (checked && !keysAreShort(this.#buffer.bytes, keysStart, lineEnd, keyBytesMax)) {
      return this.#done(after, refusal(form, 'bad-line'));
    }
    return this.#startKeys(form, exptime, keysStart);
  }

  #startKeys(form: TextForm, exptime: number | undefined, keysStart: number): Parsed | undefined {
    this.#getForm = form;
    this.#getExptime = exptime;
    this.#getHasKeys = false;
    this.#buffer.start = keysStart;
    this.#state = 'keys';
    return this.#nextKeys();
  }

  /** Returns the next key of a get, or the end of its line. */
  #nextKeys(): Parsed | undefined {
    const buffer = this.#buffer;
    const { bytes, end } = buffer;
    let from = buffer.start;
    while (from < end && bytes[from] === SPACE) from++;
    let at = from;
    while (at < end && bytes[at] !== SPACE && bytes[at] !== LF) at++;
    const keyEnd = bytes[at] === LF && at > from && bytes[at - 1] === CR ? at - 1 : at;
    if (keyEnd - from > this.#options.keyBytesMax + (at < end ? 0 : 1))
      return this.#refuseKeys(from);
    buffer.start = from;
    // The chunk ends inside a key, or between the CR and the LF behind it.
    if (at >= end) return NEED_MORE;
    if (bytes[at] === SPACE) at = this.#passSpaces(at);
    const last = at < end && bytes[at] === LF;
    buffer.start = last ? at + 1 : at;
    if (last) this.#state = 'line';
    if (keyEnd === from && !this.#getHasKeys) return refusal(this.#getForm, 'bad-line');
    this.#getHasKeys = true;
    GET.form = this.#getForm;
    GET.setKey(bytes, from, keyEnd);
    GET.last = last;
    GET.touchExptime = this.#getExptime;
    return GET;
  }

  /** Returns the position of the next key, or of the line feed, behind the spaces at `start`. */
  #passSpaces(start: number): number {
    const { bytes, end } = this.#buffer;
    let at = start;
    while (at < end && bytes[at] === SPACE) at++;
    return bytes[at] === CR && at + 1 < end && bytes[at + 1] === LF ? at + 1 : at;
  }

  /** Refuses a get at a bad key. The keys before it were given out, wherever the line was cut. */
  #refuseKeys(from: number): Parsed {
    this.#buffer.start = from;
    this.#state = 'skip-line';
    return refusal(this.#getForm, 'bad-line');
  }

  #skipLine(): Parsed | undefined {
    const buffer = this.#buffer;
    const lineFeed = findLineFeed(buffer.bytes, buffer.start, buffer.end);
    buffer.start = lineFeed < 0 ? buffer.end : lineFeed + 1;
    if (lineFeed < 0) return NEED_MORE;
    this.#state = 'line';
    return undefined;
  }

  #skipBytes(): Parsed | undefined {
    const buffer = this.#buffer;
    const skipped = Math.min(this.#remaining, buffer.length);
    buffer.start += skipped;
    this.#remaining -= skipped;
    if (this.#remaining > 0) return NEED_MORE;
    this.#state = 'line';
    return undefined;
  }

  #skipBlock(valueBytes: number): void {
    this.#remaining = valueBytes + CRLF_BYTES;
    this.#state = 'skip-bytes';
  }

  /** Handles the block behind a storage line: refuses the line, gives its value out, or waits for the whole value. */
  #block(after: number): Parsed {
    const line = STORAGE;
    const buffer = this.#buffer;
    const { valueBytes } = line;
    if (line.error !== undefined) {
      if (!Number.isNaN(valueBytes)) this.#skipBlock(valueBytes);
      return this.#done(after, refusal(line.form, line.error));
    }
    if (valueBytes > this.#options.valueBytesMax) {
      this.#skipBlock(valueBytes);
      return this.#done(after, line.oversized());
    }
    if (valueBytes > this.#options.inlineValueBytesMax) {
      this.#remaining = valueBytes;
      this.#state = 'pieces';
      this.#blockForm = line.form;
      this.#blockTolerant = line.tolerant;
      return this.#done(after, line);
    }
    const block = this.#blockPlace;
    switch (block.locate(buffer.bytes, after, buffer.end, valueBytes, line.tolerant)) {
      case 'more':
        return this.#wait(block.next);
      case 'bad':
        return this.#done(block.next, refusal(line.form, 'bad-chunk'));
      default:
        line.value = buffer.bytes;
        line.valueStart = block.valueStart;
        return this.#done(block.next, line);
    }
  }

  /** Leaves the line where it is until the buffer reaches `position`. */
  #wait(position: number): Parsed {
    this.#buffer.expect(position - this.#buffer.start);
    return NEED_MORE;
  }

  #nextPiece(): Parsed | undefined {
    const buffer = this.#buffer;
    const { bytes, start } = buffer;
    if (this.#remaining > 0) {
      if (buffer.length === 0) return NEED_MORE;
      const size = Math.min(this.#remaining, buffer.length);
      buffer.start += size;
      this.#remaining -= size;
      return { kind: 'value-piece', bytes: bytes.subarray(start, start + size) };
    }
    const padding = this.#blockTolerant && buffer.length > 0 && bytes[start] === SPACE ? 1 : 0;
    if (buffer.length < padding + CRLF_BYTES) return NEED_MORE;
    buffer.start += padding + CRLF_BYTES;
    this.#state = 'line';
    if (bytes[start + padding] === CR && bytes[start + padding + 1] === LF) return VALUE_END;
    return refusal(this.#blockForm, 'bad-chunk');
  }

  /** Reads a line before admit(): only `set <any> <any> <any> <bytes>` with the block `user password` is accepted. */
  #authenticate(start: number, lineEnd: number, after: number): Parsed {
    const buffer = this.#buffer;
    const reader = this.#authentication!;
    this.#context.words.split(buffer.bytes, start, lineEnd);
    const blockBytes = reader.readLine();
    if (typeof blockBytes !== 'number') return this.#done(after, blockBytes);
    const blockEnd = after + blockBytes;
    if (buffer.end < blockEnd + CRLF_BYTES) return this.#wait(blockEnd + CRLF_BYTES);
    return this.#done(blockEnd + CRLF_BYTES, reader.readBlock(buffer.bytes, after, blockEnd));
  }
}
