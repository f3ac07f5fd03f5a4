// Who is inside: every accepted socket of every listener, from its first moment, a TLS handshake included.
//
// Invariants:
// - No more than `max` are inside. The limit counts sockets, whatever state they are in.
// - A guest that has not made a request yet (or has not come in, with -Y or -S) is silent. When the limit is
//   reached, the oldest silent guest makes room for a new one: strangers cannot use up the connections of those
//   who speak. Only when all have spoken is a newcomer refused.

/** A socket that was accepted, or the connection that it became. */
export interface Guest {
  /** Drops it at once; its descriptor is free when this returns. */
  destroy(): void;
}

export class Admission {
  readonly #limit: () => number;
  readonly #guests = new Set<Guest>();
  /** Oldest first. */
  readonly #silent = new Set<Guest>();
  #onEmpty: (() => void) | undefined;

  /** `limit` is asked for each newcomer. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#guests.size;
  }

  /** Those who have not spoken yet. */
  get silentCount(): number {
    return this.#silent.size;
  }

  /** `made`: the oldest silent guest was dropped. `none`: all have spoken. */
  makeRoom(): 'free' | 'made' | 'none' {
    if (this.#guests.size < this.#limit()) return 'free';
    const [oldest] = this.#silent;
    if (oldest === undefined) return 'none';
    this.leave(oldest);
    oldest.destroy();
    return 'made';
  }

  enter(guest: Guest): void {
    this.#guests.add(guest);
    this.#silent.add(guest);
  }

  /** `guest` goes on as `next`, counted once. */
  become(guest: Guest, next: Guest): void {
    this.#guests.delete(guest);
    this.#silent.delete(guest);
    this.enter(next);
  }

  /** It has made a request that counts: it is not dropped for another any more. */
  spoke(guest: Guest): void {
    this.#silent.delete(guest);
  }

  leave(guest: Guest): void {
    this.#silent.delete(guest);
    if (this.#guests.delete(guest) && this.#guests.size === 0) this.#onEmpty?.();
  }

  /** Calls when the last one has left; at once when nobody is inside. */
  whenEmpty(call: () => void): void {
    if (this.#guests.size === 0) call();
    else this.#onEmpty = call;
  }

  [Symbol.iterator](): IterableIterator<Guest> {
    return this.#guests.values();
  }
}
