// What a read found, in one object that the next read fills again: a hit from memory makes no object, no
// view of the value and no BigInt of the token that its reply may not show.
//
// Invariant: what is asked of a FoundItem is right until the next call of the store. Who keeps it longer, over
// a turn or a wait, takes `ownLookup` first.

import type { Item, LargeValue, Value } from '../store.js';

/** Where the bytes of a value lie, and what its record says beside them: that of an item which is not in a LargeValue. */
export interface Content extends Pick<
  Item,
  'words' | 'start' | 'valueBytes' | 'isLasting' | 'flags' | 'cas'
> {
  readonly source: Buffer;
}

const NOTHING: Content = {
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
  #content = NOTHING;
  #large: LargeValue | undefined;

  /** Becomes an item of which all but the content is known. */
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
    this.#content = NOTHING;
    this.#large = undefined;
  }

  /** `content` may itself be valid only until the next call of the store. */
  complete(content: Content, large: LargeValue | undefined): void {
    this.#content = content;
    this.#large = large;
  }

  /** Another one with the same beginning, for a content that comes later. */
  draft(): FoundItem {
    const draft = new FoundItem();
    draft.begin(this.expiresAt, this.fetched, this.idleSeconds, this.stale, this.won, this.wins);
    return draft;
  }

  /** Makes a view: who only needs the bytes takes `source`. */
  get value(): Value {
    if (this.#large !== undefined) return this.#large;
    const { source, start, valueBytes } = this.#content;
    return source.subarray(start, start + valueBytes);
  }

  get source(): Buffer | undefined {
    return this.#large === undefined ? this.#content.source : undefined;
  }

  get words(): Uint32Array | undefined {
    return this.#content.words;
  }

  get start(): number {
    return this.#content.start;
  }

  get valueBytes(): number {
    return this.#large === undefined ? this.#content.valueBytes : this.#large.bytes;
  }

  get isLasting(): boolean {
    return this.#content.isLasting;
  }

  get flags(): number {
    return this.#content.flags;
  }

  get cas(): bigint {
    return this.#content.cas;
  }
}
