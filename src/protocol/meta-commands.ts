// Reads meta lines: mg, md, ma, me and mn into requests, ms into the storage line that its block follows
// (docs/protocol.md, "Meta commands").

import { decodeKey } from './base64-key.js';
import { type LineContext, refusal } from './line-context.js';
import { MetaFlags } from './meta-flags.js';
import type { ErrorName } from './reply.js';
import type { MetaForm } from './reply-form.js';
import type { PutRequestMode, Request } from './request.js';
import type { StorageLine } from './storage-line.js';
import { readLength } from './text-storage.js';

/** memcached's bound of the words of one meta line. */
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

export class MetaReader {
  readonly #context: LineContext;
  readonly #flags = new MetaFlags();
  #key: Buffer = NO_KEY;

  constructor(context: LineContext) {
    this.#context = context;
  }

  /** Any meta line but ms; the words are split, the line ends at `lineEnd`. */
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

  /** ms <key> <bytes> <flags>*: a mistake ends up in `line.error`. */
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
    line.key = this.#key;
    line.flags = flags.clientFlags;
    line.exptime = flags.ttl ?? 0;
    line.compareCas = flags.compareCas;
    line.chosenCas = flags.chosenCas;
    line.invalidate = flags.invalidate;
    line.vivifyExptime = flags.vivifyTtl;
  }

  #get(lineEnd: number): Request {
    const flags = this.#flags;
    const error = this.#readFlags(FLAGS);
    if (error !== undefined) return refusal(this.#context.forms.normal, error);
    return {
      kind: 'get',
      form: this.#form('mg', FLAGS, lineEnd),
      keys: [this.#key],
      last: true,
      touchExptime: flags.ttl,
      wantsValue: flags.value,
      unused: flags.unused,
      vivifyExptime: flags.createdTtl,
      recacheSeconds: flags.recacheTtl,
      knownCas: flags.compareCas,
      chosenCas: flags.chosenCas,
    };
  }

  #delete(lineEnd: number): Request {
    const flags = this.#flags;
    const error = this.#readFlags(FLAGS);
    if (error !== undefined) return refusal(this.#context.forms.normal, summarized(error));
    return {
      kind: 'delete',
      form: this.#form('md', FLAGS, lineEnd),
      key: this.#key,
      compareCas: flags.compareCas,
      chosenCas: flags.chosenCas,
      invalidate: flags.invalidate,
      exptime: flags.ttl,
      dropValue: flags.dropValue,
    };
  }

  #arithmetic(lineEnd: number): Request {
    const flags = this.#flags;
    const { forms } = this.#context;
    const error = this.#readFlags(FLAGS);
    if (error !== undefined) return refusal(forms.normal, summarized(error));
    const direction = flags.mode === 0 ? 'incr' : DIRECTIONS.get(String.fromCharCode(flags.mode));
    if (direction === undefined) return refusal(forms.normal, 'bad-ma-mode');
    const created = flags.createdTtl;
    return {
      kind: 'arithmetic',
      form: this.#form('ma', FLAGS, lineEnd),
      direction,
      key: this.#key,
      delta: flags.delta ?? 1n,
      // As in memcached's counters: no token is 0.
      compareCas: flags.compareCas === 0n ? undefined : flags.compareCas,
      chosenCas: flags.chosenCas,
      create: created === undefined ? undefined : { value: flags.initial ?? 0n, exptime: created },
      exptime: flags.ttl,
    };
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

  /** Key and flags of the line; the mistake in them, if there is one. */
  #readFlags(first: number): ErrorName | undefined {
    const { words, options } = this.#context;
    const keyBytes = words.lengthOf(KEY);
    if (keyBytes === 0 || keyBytes > options.keyBytesMax) return 'bad-line';
    if (words.count > WORDS_MAX) return 'too-many-flags';
    const error = this.#flags.read(words, first);
    if (error !== undefined && error !== 'bad-mode-length') return error;
    if (!this.#flags.base64) {
      this.#key = words.view(KEY);
      return error;
    }
    const decoded = decodeKey(words.bytes, words.starts[KEY]!, words.ends[KEY]!);
    if (decoded === undefined) return 'bad-key-encoding';
    this.#key = decoded;
    return error;
  }

  /** The key as it goes back: base64 in its one canonical form, as memcached encodes it anew. */
  #nameOf(command: MetaForm['command']): Buffer {
    const { words } = this.#context;
    if (words.count <= KEY) return NO_KEY;
    const encoded = this.#flags.base64 && command !== 'me' && command !== 'mn';
    return encoded ? Buffer.from(this.#key.toString('base64'), 'latin1') : words.view(KEY);
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

/** Mistakes that md and ma name; they have one text for all others in their flags. */
const NAMED: readonly ErrorName[] = ['bad-line', 'too-many-flags', 'opaque-too-long'];

function summarized(error: ErrorName): ErrorName {
  return NAMED.includes(error) ? error : 'invalid-or-duplicate-flag';
}

const NO_KEY = Buffer.alloc(0);
