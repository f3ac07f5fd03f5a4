// Who waits for the disk: connections whose next reply depends on a record that is not durable yet, and
// those whose input is held back because too much is unsynced. One listener on the store serves all.
// Invariant: promises 1 and 2 of ARCHITECTURE.md: isDurable() is what lets a reply out.

import type { Durability, FailureCause } from '../log/durability.js';

/** Told when something may have changed for it; must be able to bear being told in vain, and when it has gone. */
export interface DiskWaiter {
  onDurable(): void;
  /** A commit failed: whatever depends on a seq above the watermark never happened. */
  onFailed(cause: FailureCause): void;
}

export class Gate {
  readonly durability: Durability;
  #waiters: DiskWaiter[] = [];
  #barriers: { readonly after: number; readonly settle: (durable: boolean) => void }[] = [];

  /**
   * Seqs that failed and are not given out again: above the first, up to the second. (On a full disk the
   * store frees them instead, after all who learned of one have been told.)
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
   * True when that record was taken back. An answer may learn its seq only after the commit failed, and
   * the watermark passes over the seq with the next one that succeeds.
   */
  isVoid(after: number): boolean {
    return after > this.#voidAbove && after <= this.voidUpto;
  }

  /** Tells `waiter` once, at the next move of the watermark or the next failure. It must not ask again before. */
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
