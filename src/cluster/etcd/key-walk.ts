// A walk over a range of etcd's keys in pieces, each asked for page by page. For every page etcd walks over all keys up to the end
// that was given, because it counts them (0.25 µs per key, measured): to the end of millions of keys that is most of the work. So
// a piece with many keys is made shorter where keys begin to differ from the last page's, and behind its end a longer one follows.
//
// Invariant: the pieces lie side by side from the first key of the range to its end, wherever they end.

import { assert } from '../../assert.js';
import { rangeOf, type KeyRange } from './places.js';

/** A piece with fewer keys is not made shorter: etcd walks over them in the time of a page. */
const MANY_KEYS = 20_000;
/** So often the stem loses one byte only. */
const SMALL_STEPS = 3;

export class KeyWalk {
  readonly #prefix: Buffer;
  readonly #all: KeyRange;
  #piece: KeyRange | undefined;
  /** All keys of the piece begin so. */
  #stem: Buffer;
  /** Pieces that were left since a page was full. */
  #steps = 0;

  /** Over all keys that begin so. */
  constructor(prefix: Buffer) {
    this.#prefix = prefix;
    this.#all = rangeOf(prefix);
    this.#piece = this.#all;
    this.#stem = prefix;
  }

  /** What to ask for; undefined: all has been read. */
  get piece(): KeyRange | undefined {
    return this.#piece;
  }

  /** The page had these first and last keys, and the piece has so many more. */
  goOn(first: Buffer, last: Buffer, more: number): void {
    this.#steps = 0;
    if (more > MANY_KEYS) {
      let same = 0;
      while (same < last.length && first[same] === last[same]) same += 1;
      this.#stem = last.subarray(0, same + 1);
    }
    this.#take(Buffer.concat([last, Buffer.alloc(1)]));
  }

  /** The piece has been read to its end. */
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
