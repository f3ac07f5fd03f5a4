// Random numbers from one seed. They are the only source of chance in a simulation, so that the seed of a failing run
// repeats the same run. Not for secrets.

import type { Random } from '../../src/env/env.js';

export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e37_79b9;
    for (let round = 0; round < 12; round++) this.next32();
  }

  /** Returns 32 random bits, unsigned (the sfc32 generator). */
  next32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** Returns a uniform number in [0, 1). */
  fraction(): number {
    return this.next32() / 2 ** 32;
  }

  /** Returns a whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** Returns a whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; at++) bytes[at] = this.next32() & 0xff;
    return bytes;
  }

  /** Returns an independent generator: its numbers do not shift the later numbers of this one. */
  fork(): SeededRandom {
    return new SeededRandom(this.next32() * 2 ** 21 + (this.next32() >>> 11));
  }
}
