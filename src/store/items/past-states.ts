// Past states: what keys were before changes that are not yet durable, so that a failed commit can take them back. Words
// in one ring of a typed array: a change leaves no object behind and no closure.
//
// Invariants:
// - States are pushed in the order of the log and popped newest first.
// - What `pop` gives is what the key was before the record of that seq; it asserts that the newest state is of that seq.

import { assert } from '../../assert.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { ItemState } from './items.js';
import type { KeydirRecord } from '../keydir/record.js';

/** seq of the change, whether there was an item, then the fields of a KeydirRecord. */
const STATE_WORDS = 9;
const STATES_MIN = 1024;
/** A longer ring is given up when nothing is left in it. */
const STATES_KEPT = 16_384;

export class PastStates {
  #words = new Float64Array(STATES_MIN * STATE_WORDS);
  /** States pushed and dropped since the start: the ring's places are these modulo its size. */
  #pushed = 0;
  #dropped = 0;
  /** By seq of the change; few items have one. */
  readonly #large = new Map<number, LargeReference>();

  /** The key was `record` before the change of `seq`; undefined: it had no item. */
  push(
    seq: number,
    record: Readonly<KeydirRecord> | undefined,
    large: LargeReference | undefined,
  ): void {
    if ((this.#pushed - this.#dropped) * STATE_WORDS === this.#words.length) this.#grow();
    const words = this.#words;
    const at = (this.#pushed * STATE_WORDS) % words.length;
    this.#pushed += 1;
    words[at] = seq;
    words[at + 1] = record === undefined ? 0 : 1;
    if (record === undefined) return;
    words[at + 2] = record.segment;
    words[at + 3] = record.offset;
    words[at + 4] = record.length;
    words[at + 5] = record.seq;
    words[at + 6] = record.expiresAt;
    words[at + 7] = record.marks;
    words[at + 8] = record.lastUsedSeconds;
    if (large !== undefined) this.#large.set(seq, large);
  }

  /** Takes the newest state, which is of `seq`. */
  pop(seq: number): ItemState | undefined {
    assert(this.#pushed > this.#dropped, 'There is a state to take back');
    this.#pushed -= 1;
    const words = this.#words;
    const at = this.#place(this.#pushed);
    assert(words[at] === seq, 'Changes are taken back newest first');
    if (words[at + 1] === 0) return undefined;
    const large = this.#large.get(seq);
    this.#large.delete(seq);
    return {
      segment: words[at + 2]!,
      offset: words[at + 3]!,
      length: words[at + 4]!,
      seq: words[at + 5]!,
      expiresAt: words[at + 6]!,
      marks: words[at + 7]!,
      lastUsedSeconds: words[at + 8]!,
      large,
    };
  }

  /** Changes up to `seq` are durable: nobody takes them back. */
  dropUpTo(seq: number): void {
    const words = this.#words;
    while (this.#dropped < this.#pushed) {
      const own = words[(this.#dropped * STATE_WORDS) % words.length]!;
      if (own > seq) return;
      if (this.#large.size > 0) this.#large.delete(own);
      this.#dropped += 1;
    }
    // What a burst made room for is given back.
    if (this.#words.length > STATES_KEPT * STATE_WORDS) {
      this.#words = new Float64Array(STATES_MIN * STATE_WORDS);
      this.#dropped = this.#pushed = 0;
    }
  }

  #place(count: number): number {
    return (count * STATE_WORDS) % this.#words.length;
  }

  #grow(): void {
    const count = this.#pushed - this.#dropped;
    const longer = new Float64Array(this.#words.length * 2);
    for (let state = 0; state < count; state += 1) {
      const from = this.#place(this.#dropped + state);
      longer.set(this.#words.subarray(from, from + STATE_WORDS), state * STATE_WORDS);
    }
    this.#words = longer;
    this.#dropped = 0;
    this.#pushed = count;
  }
}
