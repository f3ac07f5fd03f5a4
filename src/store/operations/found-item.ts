// Found item: the item that a read found, in one object that the next read reuses. A hit from memory makes no
// object, no view of the value, and no BigInt of the token, which the reply may not show.
//
// Invariant: a FoundItem is valid until the next call of the store. Code that keeps it longer, over a turn or
// a wait, calls `ownLookup` first.

import type { PlacedValue } from '../items/values.js';
import type { Item, LargeValue, Value } from '../store.js';

const NOTHING: PlacedValue = {
  source: Buffer.alloc(0),
  words: undefined,
  start: 0,
  valueBytes: 0,
  isLasting: true,
  flags: 0,
  cas: 0n,
};

export class FoundItem implements Item {
  expiresAt = 0;
  fetched = false;
  idleSeconds = 0;
  stale = false;
  won = false;
  wins = false;
  created = false;
  source: Buffer | undefined = NOTHING.source;
  words: Uint32Array | undefined;
  start = 0;
  valueBytes = 0;
  isLasting = true;
  flags = 0;
  /** Gives the token, which is a BigInt, only when it is wanted. */
  #content = NOTHING;
  #large: LargeValue | undefined;

  /** Sets all fields but the content. */
  begin(
    expiresAt: number,
    fetched: boolean,
    idleSeconds: number,
    stale: boolean,
    won: boolean,
    wins: boolean,
  ): void {
    this.expiresAt = expiresAt;
    this.fetched = fetched;
    this.idleSeconds = idleSeconds;
    this.stale = stale;
    this.won = won;
    this.wins = wins;
    this.created = false;
    this.source = NOTHING.source;
    this.words = undefined;
    this.start = 0;
    this.valueBytes = 0;
    this.flags = 0;
    this.#content = NOTHING;
    this.#large = undefined;
  }

  /** Sets the content, which may itself be valid only until the next call of the store. */
  complete(content: PlacedValue, large: LargeValue | undefined): void {
    this.#content = content;
    this.#large = large;
    this.source = large === undefined ? content.source : undefined;
    this.words = content.words;
    this.start = content.start;
    this.valueBytes = large === undefined ? content.valueBytes : large.bytes;
    this.isLasting = content.isLasting;
    this.flags = content.flags;
  }

  /** Returns a new item with the same fields, for a content that comes later. */
  draft(): FoundItem {
    const draft = new FoundItem();
    draft.begin(this.expiresAt, this.fetched, this.idleSeconds, this.stale, this.won, this.wins);
    return draft;
  }

  /** Makes a view on each call: callers that only need the bytes use `source`. */
  get value(): Value {
    if (this.#large !== undefined) return this.#large;
    return this.source!.subarray(this.start, this.start + this.valueBytes);
  }

  get cas(): bigint {
    return this.#content.cas;
  }
}
