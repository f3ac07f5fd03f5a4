// Past states: the states of keys before changes that are not yet durable, so that a failed commit can take the changes
// back. They are words in one ring of a typed array: a change leaves no object behind and no closure.
//
// Invariants:
// - States are pushed in the order of the log and popped newest first.
// - `pop` returns the state of the key before the record of that seq, and asserts that the newest state is of that seq.

import { assert } from '../../assert.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { ItemState } from './items.js';
import type { KeydirRecord } from '../keydir/record.js';

/** The seq of the change, 1 or 0 for an item or none, then the fields of a KeydirRecord. */
const STATE_WORDS = 9;
const STATES_MIN = 1024;
/** A longer ring is replaced by a short one when it is empty. */
const STATES_KEPT = 16_384;

export class PastStates {
  #words = new Float64Array(STATES_MIN * STATE_WORDS);
  /** Numbers of states pushed and dropped since the start; modulo the ring's size, they are places in it. */
  #pushed = 0;
  #dropped = 0;
  /** Large values by the seq of the change; few items have one. */
  readonly #large = new Map<number, LargeReference>();

  /** Notes the state `record` of a key before the change of `seq`; undefined: the key had no item. */
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

  /** Removes and returns the newest state, which must be of `seq`. */
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

  /** Drops the states of changes up to `seq`, which are durable and never taken back. */
  dropUpTo(seq: number): void {
    const words = this.#words;
    while (this.#dropped < this.#pushed) {
      const own = words[(this.#dropped * STATE_WORDS) % words.length]!;
      if (own > seq) return;
      if (this.#large.size > 0) this.#large.delete(own);
      this.#dropped += 1;
    }
    // Frees the memory that a burst took.
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
