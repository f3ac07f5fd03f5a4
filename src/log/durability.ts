// Durability: says what is on the disk and whether input should wait for it, and calls listeners when that changes.
// There is one object: the log makes and changes it, the store and the server read it.
//
// Invariants (promises 1 and 2 of ARCHITECTURE.md rest on them):
// - `watermark` never goes back. Every record with a seq up to it is on the disk, or was taken back and is void.
// - Listeners of `onFailed` run after the changes above the watermark were taken back; those of `onDurable` run after
//   the watermark moved. Both are called in the order in which they were added.
// - Only the group commit calls `fail` and `tell`, and sets the fields of `Durability`.

export type FailureCause = 'no-space' | 'poisoned';

/** The part that the code above the log uses. Every request reads the fields, so they are plain numbers and flags. */
export interface Durability {
  /** Highest seq on disk. */
  readonly watermark: number;
  /** Highest seq given to a record: a barrier (`mn`, shutdown) waits for it. */
  readonly lastSeq: number;
  /** True when so much is unsynced that connections that wait for the disk should send no more. */
  readonly congested: boolean;
  /** True when far too much is unsynced: all input should wait. Implies congested. */
  readonly overloaded: boolean;
  /** Sets the number of clients that have sent input: a commit for a single one need not wait for others' input. */
  serve(clientCount: number): void;
  /** Adds a listener that is called after the watermark moved, or when input may go on. */
  onDurable(call: () => void): void;
  /** Adds a listener that is called after a commit failed: replies that depend on a seq above the watermark are void. */
  onFailed(call: (cause: FailureCause, error: unknown) => void): void;
}

export class CommitDurability implements Durability {
  watermark = 0;
  lastSeq = 0;
  congested = false;
  overloaded = false;
  /** See `serve`. */
  hasOneClient = false;
  readonly #durableCalls: (() => void)[] = [];
  readonly #failedCalls: ((cause: FailureCause, error: unknown) => void)[] = [];

  serve(clientCount: number): void {
    this.hasOneClient = clientCount === 1;
  }

  onDurable(call: () => void): void {
    this.#durableCalls.push(call);
  }

  onFailed(call: (cause: FailureCause, error: unknown) => void): void {
    this.#failedCalls.push(call);
  }

  /** Calls the listeners: the watermark, or whether input should wait, has changed. */
  tell(): void {
    const calls = this.#durableCalls;
    for (let at = 0; at < calls.length; at += 1) calls[at]!();
  }

  fail(cause: FailureCause, error: unknown): void {
    for (const call of this.#failedCalls) call(cause, error);
  }
}

/** Durability of a log that is only read. */
export const ALL_DURABLE: Pick<Durability, 'watermark'> = { watermark: Number.MAX_SAFE_INTEGER };
