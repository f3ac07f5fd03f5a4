// Recency: the order of use of the keydir's records. It is a doubly linked list through the records, from
// the oldest, which is evicted first, to the newest. Every step is O(1).

import type { KeydirEntries } from './entries.js';
import type { RecencyEnds } from './state.js';

export class KeydirRecency {
  readonly #entries: KeydirEntries;
  #oldest = 0;
  #newest = 0;

  constructor(entries: KeydirEntries) {
    this.#entries = entries;
  }

  /** The least recently used record, 0 when there is none. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Oldest and newest, for an image. */
  get ends(): RecencyEnds {
    return [this.#oldest, this.#newest];
  }

  /** Restores the ends. Requires: the links are in the records already. */
  restore([oldest, newest]: RecencyEnds): void {
    this.#oldest = oldest;
    this.#newest = newest;
  }

  /** Adds a record that is not in the list, as the newest. */
  add(ref: number): void {
    const entries = this.#entries;
    const newest = this.#newest;
    entries.setOlder(ref, newest);
    entries.setNewer(ref, 0);
    if (newest === 0) this.#oldest = ref;
    else entries.setNewer(newest, ref);
    this.#newest = ref;
  }

  delete(ref: number): void {
    const entries = this.#entries;
    const older = entries.older(ref);
    const newer = entries.newer(ref);
    if (older === 0) this.#oldest = newer;
    else entries.setNewer(older, newer);
    if (newer === 0) this.#newest = older;
    else entries.setOlder(newer, older);
  }

  /** Makes a record of the list the newest. */
  touch(ref: number): void {
    if (ref === this.#newest) return;
    this.delete(ref);
    this.add(ref);
  }

  clear(): void {
    this.#oldest = 0;
    this.#newest = 0;
  }
}
