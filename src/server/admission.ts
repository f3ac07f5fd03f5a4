// Admission: keeps the set of accepted sockets of every listener, from the accept on, TLS handshakes included.
// A guest is one such socket, or the connection that it became.
//
// Invariants:
// - There are at most `limit` guests. The limit counts sockets in every state.
// - A guest that has made no request yet (or, with -Y or -S, has not logged in) is silent. At the limit, the oldest
//   silent guest is dropped for a new one, so idle strangers cannot use up the connections of real clients.
//   A newcomer is refused only when no guest is silent.

/** A socket that was accepted, or the connection that it became. */
export interface Guest {
  /** Drops the guest at once; its descriptor is free when this returns. */
  destroy(): void;
}

export class Admission {
  readonly #limit: () => number;
  readonly #guests = new Set<Guest>();
  /** Oldest first. */
  readonly #silent = new Set<Guest>();
  #onEmpty: (() => void) | undefined;

  /** `limit` is called for each newcomer. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#guests.size;
  }

  /** Number of guests that have made no request yet. */
  get silentCount(): number {
    return this.#silent.size;
  }

  /** Makes room for one guest. `made`: the oldest silent guest was dropped. `none`: there is no silent guest. */
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

  /** Replaces `guest` by `next`, the connection that it became. */
  become(guest: Guest, next: Guest): void {
    this.#guests.delete(guest);
    this.#silent.delete(guest);
    this.enter(next);
  }

  /** Records the first request of `guest`, which is no longer dropped for another. */
  spoke(guest: Guest): void {
    this.#silent.delete(guest);
  }

  leave(guest: Guest): void {
    this.#silent.delete(guest);
    if (this.#guests.delete(guest) && this.#guests.size === 0) this.#onEmpty?.();
  }

  /** Calls `call` when the last guest has left; at once when there is none. */
  whenEmpty(call: () => void): void {
    if (this.#guests.size === 0) call();
    else this.#onEmpty = call;
  }

  [Symbol.iterator](): IterableIterator<Guest> {
    return this.#guests.values();
  }
}
