// Durability: what is on the disk, whether input should wait for it, and who is told when that changes. One object
// for the whole way of a request: the log makes and changes it, the store and the server read it.
//
// Invariants (promises 1 and 2 of ARCHITECTURE.md rest on them):
// - `watermark` never goes back. Every record with a seq up to it is on the disk, or was taken back and is void.
// - Listeners of `onFailed` run after the changes above the watermark were taken back; those of `onDurable` run after
//   the watermark moved. Both are called in the order in which they were added.
// - Only the group commit calls `advance`, `fail` and `tell`, and sets the fields.

export type FailureCause = 'no-space' | 'poisoned';

/** What everybody above the log may know. The fields are read for every request: plain numbers and flags. */
export interface Durability {
  /** Highest seq on disk. */
  readonly watermark: number;
  /** Highest seq given out: a barrier (`mn`, shutdown) waits for it. */
  readonly lastSeq: number;
  /** So much is unsynced that who waits for the disk should send no more. */
  readonly congested: boolean;
  /** Far too much is: hold every input back. Implies congested. */
  readonly overloaded: boolean;
  /** Call with the number of clients who have spoken: what a lone one writes need not wait for the input of others. */
  serve(clientCount: number): void;
  /** Calls after the watermark moved, or after input may go on. */
  onDurable(call: () => void): void;
  /** Calls after a commit failed: every answer that depends on a seq above the watermark is void. */
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

  /** Tells that what is durable, or whether input should wait, has changed. */
  tell(): void {
    const calls = this.#durableCalls;
    for (let at = 0; at < calls.length; at += 1) calls[at]!();
  }

  fail(cause: FailureCause, error: unknown): void {
    for (const call of this.#failedCalls) call(cause, error);
  }
}

/** Of a log that nobody writes to. */
export const ALL_DURABLE: Pick<Durability, 'watermark'> = { watermark: Number.MAX_SAFE_INTEGER };
