// The gate to the disk: knows the connections whose next reply depends on a record that is not durable yet, and
// those whose input is held because too much is unsynced. One listener on the store serves all of them.
// Invariant: promises 1 and 2 of ARCHITECTURE.md. A reply leaves only if isDurable() holds for its seq.

import type { Durability, FailureCause } from '../log/durability.js';

/** Gets a call after a commit or its failure. It must tolerate a call with nothing to do, even after its own end. */
export interface DiskWaiter {
  onDurable(): void;
  /** A commit failed: changes with a seq above the watermark never happened. */
  onFailed(cause: FailureCause): void;
}

export class Gate {
  readonly durability: Durability;
  #waiters: DiskWaiter[] = [];
  #barriers: { readonly after: number; readonly settle: (durable: boolean) => void }[] = [];

  /**
   * Seqs above `#voidAbove` and up to `voidUpto` failed and are not given out again. (On a full disk the store frees the
   * seqs instead, after everybody who knew one of them was informed.)
   */
  #voidAbove = 0;
  /** No seq above it is void. */
  voidUpto = 0;

  constructor(durability: Durability) {
    this.durability = durability;
    durability.onDurable(this.#release);
    durability.onFailed((cause) => this.#fail(cause));
  }

  isDurable(after: number): boolean {
    return after <= this.durability.watermark && !this.isVoid(after);
  }

  /**
   * True when the record with that seq was taken back. An answer may learn its seq only after the commit failed, and the
   * next commit that succeeds moves the watermark beyond that seq.
   */
  isVoid(after: number): boolean {
    return after > this.#voidAbove && after <= this.voidUpto;
  }

  /** Calls `waiter` once, at the next move of the watermark or the next failure. A waiter may wait only once at a time. */
  wait(waiter: DiskWaiter): void {
    this.#waiters.push(waiter);
  }

  /** Resolves to true when `after` is durable, to false when its commit failed. */
  durable(after: number): Promise<boolean> {
    if (this.isDurable(after)) return Promise.resolve(true);
    if (this.isVoid(after)) return Promise.resolve(false);
    return new Promise((settle) => this.#barriers.push({ after, settle }));
  }

  readonly #release = (): void => {
    const barriers = this.#barriers;
    if (barriers.length > 0) {
      this.#barriers = [];
      for (const barrier of barriers) {
        if (this.isDurable(barrier.after)) barrier.settle(true);
        else this.#barriers.push(barrier);
      }
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (let at = 0; at < waiters.length; at += 1) waiters[at]!.onDurable();
  };

  #fail(cause: FailureCause): void {
    this.#voidAbove = this.durability.watermark;
    this.voidUpto = this.durability.lastSeq;
    const barriers = this.#barriers;
    this.#barriers = [];
    for (const barrier of barriers) barrier.settle(this.isDurable(barrier.after));
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.onFailed(cause);
  }
}
