// The flags of a meta command: one pass over its words, into one object that is reused. Flags that come back
// in a reply are not read here: the composer reads them from the client's own words, in their order.
//
// All commands share one set of flags, as in memcached. A command ignores a flag that means nothing to it; an
// unknown flag refuses the line.
//
// Invariant: of several mistakes the reply names the one that memcached names, which reads the words in their order.

import { decodeKey } from './base64-key.js';
import { readExptime, readUint64, readUnsigned } from '../numbers.js';
import type { ErrorName } from '../reply.js';
import type { Words } from '../text/words.js';

/** Bytes of the opaque, with its letter. */
const OPAQUE_BYTES_MAX = 32;
const TWO_POW_32 = 2 ** 32;
const KEY = 1;
const LETTER_BASE64 = 0x62;
const ASYNC = Buffer.from('async');

export class MetaFlags {
  base64 = false;
  /** The bytes that the key encodes, when flag b is there. */
  decodedKey: Buffer | undefined;
  quiet = false;
  value = false;
  unused = false;
  invalidate = false;
  dropValue = false;
  async = false;
  /** Flag T came after flag N. */
  touchesLast = false;
  /** Flag R came after flag T: it asks for the TTL that T has set. */
  recachesLast = false;
  /** Letter of flag M, or 0. */
  mode = 0;
  clientFlags = 0;
  ttl: number | undefined;
  vivifyTtl: number | undefined;
  recacheTtl: number | undefined;
  compareCas: bigint | undefined;
  chosenCas: bigint | undefined;
  initial: bigint | undefined;
  delta: bigint | undefined;
  readonly #seen = new Uint8Array(128);
  #error: ErrorName | undefined;

  /**
   * Reads the words from `first` on, behind the key. A repeated or unknown flag ends the reading at once. Of several
   * bad tokens the last one is returned.
   */
  read(words: Words, first: number): ErrorName | undefined {
    this.#reset();
    const { bytes, starts, ends } = words;
    for (let index = first; index < words.count; index++) {
      const start = starts[index]!;
      const letter = bytes[start]!;
      if (letter >= 127 || this.#seen[letter] === 1) return 'duplicate-flag';
      this.#seen[letter] = 1;
      if (letter === LETTER_BASE64) this.#decodeKey(words);
      else if (!this.#readFlag(letter, bytes, start + 1, ends[index]!)) return 'invalid-flag';
    }
    return this.#error;
  }

  /** Exptime of an item that mg or ma creates: the later one of the flags N and T counts. Undefined without N. */
  get createdTtl(): number | undefined {
    return this.touchesLast ? this.ttl : this.vivifyTtl;
  }

  /** The token of flag C for append, prepend and ma, in which 0 asks for no comparison. */
  get token(): bigint | undefined {
    return this.compareCas === 0n ? undefined : this.compareCas;
  }

  #decodeKey({ bytes, starts, ends }: Words): void {
    this.base64 = true;
    this.decodedKey = decodeKey(bytes, starts[KEY]!, ends[KEY]!);
    if (this.decodedKey === undefined) this.#error = 'bad-key-encoding';
  }

  /** Reads one flag; returns false for an unknown letter. */
  #readFlag(letter: number, bytes: Buffer, start: number, end: number): boolean {
    switch (String.fromCharCode(letter)) {
      case 'q':
        this.quiet = true;
        return true;
      case 'v':
        this.value = true;
        return true;
      case 'u':
        this.unused = true;
        return true;
      case 'I':
        this.invalidate = true;
        return true;
      case 'x':
        this.dropValue = true;
        return true;
      case 'c':
      case 'f':
      case 'h':
      case 'k':
      case 'l':
      case 's':
      case 't':
      case 'L':
        return true;
      case 'P':
        this.async = bytes.compare(ASYNC, 0, ASYNC.length, start, end) === 0;
        return true;
      case 'O':
        if (end - start >= OPAQUE_BYTES_MAX) this.#error = 'opaque-too-long';
        return true;
      case 'M':
        if (end - start === 1) this.mode = bytes[start]!;
        else this.#error = 'bad-mode-length';
        return true;
      case 'F':
        this.clientFlags = readUnsigned(bytes, start, end) % TWO_POW_32;
        if (Number.isNaN(this.clientFlags)) this.#error ??= 'bad-line';
        return true;
      default:
        return this.#readNumber(letter, bytes, start, end);
    }
  }

  /** Reads a flag with a TTL or a 64-bit number; returns false for an unknown letter. */
  #readNumber(letter: number, bytes: Buffer, start: number, end: number): boolean {
    switch (String.fromCharCode(letter)) {
      case 'T':
        this.ttl = this.#ttl(bytes, start, end);
        this.touchesLast = this.vivifyTtl !== undefined;
        return true;
      case 'N':
        this.vivifyTtl = this.#ttl(bytes, start, end);
        return true;
      case 'R':
        this.recacheTtl = this.#ttl(bytes, start, end);
        this.recachesLast = this.ttl !== undefined;
        return true;
      case 'C':
        this.compareCas = this.#uint64(bytes, start, end, 'bad-token');
        return true;
      case 'E':
        this.chosenCas = this.#uint64(bytes, start, end, 'bad-token');
        return true;
      case 'J':
        this.initial = this.#uint64(bytes, start, end, 'bad-initial-number');
        return true;
      case 'D':
        this.delta = this.#uint64(bytes, start, end, 'bad-delta-number');
        return true;
      default:
        return false;
    }
  }

  #ttl(bytes: Buffer, start: number, end: number): number {
    const ttl = readExptime(bytes, start, end);
    if (Number.isNaN(ttl)) this.#error = 'bad-token';
    return ttl;
  }

  #uint64(bytes: Buffer, start: number, end: number, mistake: ErrorName): bigint | undefined {
    const number = readUint64(bytes, start, end);
    if (number === undefined) this.#error = mistake;
    return number;
  }

  #reset(): void {
    this.base64 = false;
    this.decodedKey = undefined;
    this.quiet = false;
    this.value = false;
    this.unused = false;
    this.invalidate = false;
    this.dropValue = false;
    this.async = false;
    this.touchesLast = false;
    this.recachesLast = false;
    this.mode = 0;
    this.clientFlags = 0;
    this.ttl = undefined;
    this.vivifyTtl = undefined;
    this.recacheTtl = undefined;
    this.compareCas = undefined;
    this.chosenCas = undefined;
    this.initial = undefined;
    this.delta = undefined;
    this.#seen.fill(0);
    this.#error = undefined;
  }
}
