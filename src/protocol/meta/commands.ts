// The reader of meta lines: turns mg, md, ma, me and mn into requests, and ms into the storage line that a block
// follows (docs/protocol.md, "Meta commands").

import { decodeKey } from './base64-key.js';
import { type LineContext, lineRequests, refusal } from '../text/line-context.js';
import { MetaFlags } from './flags.js';
import type { ErrorName } from '../reply.js';
import type { MetaForm } from '../reply-form.js';
import type { PutRequestMode, Request } from '../request.js';
import type { StorageLine } from '../text/storage-line.js';
import { readLength } from '../text/storage.js';

/** memcached's limit on the words of one meta line. */
const WORDS_MAX = 20;
const KEY = 1;
const FLAGS = 2;
const STORAGE_BYTES = 2;
const STORAGE_FLAGS = 3;

const PUT_MODES: ReadonlyMap<string, PutRequestMode> = new Map([
  ['S', 'set'],
  ['E', 'add'],
  ['R', 'replace'],
  ['A', 'append'],
  ['P', 'prepend'],
]);
const DIRECTIONS: ReadonlyMap<string, 'incr' | 'decr'> = new Map([
  ['I', 'incr'],
  ['+', 'incr'],
  ['D', 'decr'],
  ['-', 'decr'],
]);

/** All connections share one object per kind, because a request is over before the next one is read. */
const REQUESTS = lineRequests();

export class MetaReader {
  readonly #context: LineContext;
  readonly #flags = new MetaFlags();
  #key: Buffer = NO_KEY;
  #keyStart = 0;
  #keyEnd = 0;

  constructor(context: LineContext) {
    this.#context = context;
  }

  /** Reads any meta line but ms. Requires: its words are split and it ends at `lineEnd`. */
  readLine(lineEnd: number): Request {
    const { words, forms } = this.#context;
    switch (words.bytes[words.starts[0]! + 1]) {
      case 0x67:
        return this.#get(lineEnd);
      case 0x64:
        return this.#delete(lineEnd);
      case 0x61:
        return this.#arithmetic(lineEnd);
      case 0x65:
        return this.#debug(lineEnd);
      case 0x6e:
        return { kind: 'noop', form: this.#form('mn', words.count, lineEnd) };
      default:
        return refusal(forms.normal, 'unknown-command');
    }
  }

  /** Reads ms <key> <bytes> <flags>* into `line`; a mistake goes to `line.error`. */
  readStorage(line: StorageLine, lineEnd: number): void {
    const { words, forms, options } = this.#context;
    const flags = this.#flags;
    line.reset(forms.normal, 'set');
    if (words.count <= STORAGE_BYTES) {
      line.error = 'bad-line';
      return;
    }
    line.valueBytes = readLength(words, STORAGE_BYTES);
    if (Number.isNaN(line.valueBytes) || words.lengthOf(KEY) > options.keyBytesMax) {
      line.error = 'bad-line';
      return;
    }
    line.error = this.#readFlags(STORAGE_FLAGS);
    if (line.error !== undefined) return;
    const mode = flags.mode === 0 ? 'set' : PUT_MODES.get(String.fromCharCode(flags.mode));
    if (mode === undefined) {
      line.error = 'bad-ms-mode';
      return;
    }
    line.form = this.#form('ms', STORAGE_FLAGS, lineEnd);
    line.mode = mode;
    line.setKey(this.#key, this.#keyStart, this.#keyEnd);
    line.flags = flags.clientFlags;
    line.exptime = flags.ttl ?? 0;
    const joins = mode === 'append' || mode === 'prepend';
    line.compareCas = joins ? flags.token : flags.compareCas;
    line.chosenCas = flags.chosenCas;
    line.invalidate = flags.invalidate;
    line.vivifyExptime = flags.vivifyTtl;
  }

  #get(lineEnd: number): Request {
    const flags = this.#flags;
    const error = this.#readFlags(FLAGS);
    if (error !== undefined) return refusal(this.#context.forms.normal, error);
    const request = REQUESTS.get;
    request.form = this.#form('mg', FLAGS, lineEnd);
    request.setKey(this.#key, this.#keyStart, this.#keyEnd);
    request.touchExptime = flags.ttl;
    request.wantsValue = flags.value;
    request.unused = flags.unused;
    request.vivifyExptime = flags.createdTtl;
    request.recacheExptime = flags.recacheTtl;
    request.recachesLast = flags.recachesLast;
    request.knownCas = flags.compareCas;
    request.chosenCas = flags.chosenCas;
    return request;
  }

  #delete(lineEnd: number): Request {
    const flags = this.#flags;
    const error = this.#readFlags(FLAGS);
    if (error !== undefined) return refusal(this.#context.forms.normal, error);
    const request = REQUESTS.delete;
    request.form = this.#form('md', FLAGS, lineEnd);
    request.setKey(this.#key, this.#keyStart, this.#keyEnd);
    request.compareCas = flags.compareCas;
    request.chosenCas = flags.chosenCas;
    request.invalidate = flags.invalidate;
    request.exptime = flags.ttl;
    request.dropValue = flags.dropValue;
    return request;
  }

  #arithmetic(lineEnd: number): Request {
    const flags = this.#flags;
    const { words, forms } = this.#context;
    if (words.lengthOf(KEY) === 0) return refusal(forms.normal, 'bad-line');
    const error = this.#readFlags(FLAGS);
    if (error !== undefined) return refusal(forms.normal, summarized(error));
    const direction = flags.mode === 0 ? 'incr' : DIRECTIONS.get(String.fromCharCode(flags.mode));
    if (direction === undefined) return refusal(forms.normal, 'bad-ma-mode');
    const created = flags.createdTtl;
    const request = REQUESTS.arithmetic;
    request.form = this.#form('ma', FLAGS, lineEnd);
    request.setKey(this.#key, this.#keyStart, this.#keyEnd);
    request.direction = direction;
    request.delta = flags.delta ?? 1n;
    request.compareCas = flags.token;
    request.chosenCas = flags.chosenCas;
    request.create =
      created === undefined ? undefined : { value: flags.initial ?? 0n, exptime: created };
    request.exptime = flags.ttl;
    return request;
  }

  #debug(lineEnd: number): Request {
    const { words, forms, options } = this.#context;
    const bytes = words.lengthOf(KEY);
    if (bytes === 0 || bytes > options.keyBytesMax) return refusal(forms.normal, 'bad-line');
    const base64 = words.text(FLAGS) === 'b';
    const key = base64
      ? decodeKey(words.bytes, words.starts[KEY]!, words.ends[KEY]!)
      : words.view(KEY);
    if (key === undefined) return refusal(forms.normal, 'bad-line');
    this.#flags.quiet = false;
    return { kind: 'debug', form: this.#form('me', FLAGS, lineEnd), key };
  }

  /** Reads key and flags of the line; returns the mistake in them, if there is one. */
  #readFlags(first: number): ErrorName | undefined {
    const { words, options } = this.#context;
    const keyBytes = words.lengthOf(KEY);
    if (keyBytes === 0 || keyBytes > options.keyBytesMax) return 'bad-line';
    if (words.count > WORDS_MAX) return 'too-many-flags';
    const error = this.#flags.read(words, first);
    if (error !== undefined) return error;
    const { decodedKey } = this.#flags;
    if (decodedKey === undefined) {
      this.#key = words.bytes;
      this.#keyStart = words.starts[KEY]!;
      this.#keyEnd = words.ends[KEY]!;
      return undefined;
    }
    this.#key = decodedKey;
    this.#keyStart = 0;
    this.#keyEnd = decodedKey.length;
    return undefined;
  }

  /** Returns the key as the reply shows it. base64 has its canonical form, because memcached encodes the key again. */
  #nameOf(command: MetaForm['command']): Buffer {
    const { words } = this.#context;
    if (words.count <= KEY) return NO_KEY;
    const encoded = this.#flags.base64 && command !== 'me' && command !== 'mn';
    return encoded
      ? Buffer.from(this.#key.toString('base64', this.#keyStart, this.#keyEnd), 'latin1')
      : words.view(KEY);
  }

  #form(command: MetaForm['command'], first: number, lineEnd: number): MetaForm {
    const { words } = this.#context;
    const flags = this.#flags;
    const none = words.count <= first;
    return {
      wire: 'meta',
      command,
      quiet: command !== 'mn' && flags.quiet,
      withValue: flags.value,
      base64: flags.base64,
      key: this.#nameOf(command),
      tokens: none ? NO_KEY : words.bytes.subarray(words.starts[first], lineEnd),
      async: flags.async,
    };
  }
}

/** ma has one error for all mistakes in key and flags except a long opaque, which memcached finds later. */
function summarized(error: ErrorName): ErrorName {
  return error === 'opaque-too-long' ? error : 'invalid-or-duplicate-flag';
}

const NO_KEY = Buffer.alloc(0);
