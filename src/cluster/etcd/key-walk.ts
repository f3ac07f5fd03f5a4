// Key walk: goes over a range of etcd's keys in pieces, each of which is asked for page by page. For every page etcd walks over
// all keys up to the given end, because it counts them (0.25 µs per key, measured). With millions of keys that is most of the
// work. So a piece with many keys is made shorter, at the point where keys differ from those of the last page. A longer piece
// follows behind its end.
//
// Invariant: the pieces cover the range from its first key to its end, without gap or overlap.

import { assert } from '../../assert.js';
import { rangeOf, type KeyRange } from './places.js';

/** A piece with fewer keys is not made shorter: etcd walks over them in the time that a page takes. */
const MANY_KEYS = 20_000;
/** Number of times that the stem loses only one byte. */
const SMALL_STEPS = 3;

export class KeyWalk {
  readonly #prefix: Buffer;
  readonly #all: KeyRange;
  #piece: KeyRange | undefined;
  /** The bytes with which all keys of the piece begin. */
  #stem: Buffer;
  /** Number of pieces that were left since a page was full. */
  #steps = 0;

  /** Walks over all keys that begin with these bytes. */
  constructor(prefix: Buffer) {
    this.#prefix = prefix;
    this.#all = rangeOf(prefix);
    this.#piece = this.#all;
    this.#stem = prefix;
  }

  /** The range to ask for; undefined: everything has been read. */
  get piece(): KeyRange | undefined {
    return this.#piece;
  }

  /** Tells the first and the last key of a page, and how many keys of the piece are left. */
  goOn(first: Buffer, last: Buffer, more: number): void {
    this.#steps = 0;
    if (more > MANY_KEYS) {
      let same = 0;
      while (same < last.length && first[same] === last[same]) same += 1;
      this.#stem = last.subarray(0, same + 1);
    }
    this.#take(Buffer.concat([last, Buffer.alloc(1)]));
  }

  /** Tells that the piece has been read to its end. */
  leave(): void {
    assert(this.#piece !== undefined, 'Nobody asks for more than all');
    const key = this.#piece.range_end;
    if (key.equals(this.#all.range_end)) {
      this.#piece = undefined;
      return;
    }
    do {
      const bytes = Math.max(1, 2 ** (this.#steps - SMALL_STEPS));
      this.#stem = this.#stem.subarray(0, Math.max(0, this.#stem.length - bytes));
      this.#steps += 1;
    } while (this.#endOfStem().compare(key) <= 0);
    this.#take(key);
  }

  #take(key: Buffer): void {
    this.#piece = { key, range_end: this.#endOfStem() };
  }

  #endOfStem(): Buffer {
    if (this.#stem.length <= this.#prefix.length) return this.#all.range_end;
    return rangeOf(this.#stem).range_end;
  }
}
