// Read-back: finds out the fate of a write whose answer was lost. It reads the item, whose token tells.
//
// Invariants:
// - An item with the token of the write proves that the write was done. Another item proves nothing, and neither does a miss:
//   another client may have written since, or the request is still in a node's buffer and is done later.
// - The proof is as durable as an answer: a barrier follows the read, also with `reads=fast`.
// - The answer comes no later than that of a write that took as long as a write may.

import type { Clock } from '../../env/env.js';
import { decodeItem, type DecodedItem } from '../item-bytes.js';
import { Operation, type Command, type Target } from './operation.js';

/** Times after the deadline of the write by which the read is sent, and by which it is answered. */
const SEND_MS_MAX = 1500;
const ANSWER_MS_MAX = 3000;

/** The outcome of a write, made from an item that has this token. */
export interface Proof<T> {
  readonly token: number;
  readonly outcome: (item: DecodedItem) => T | undefined;
}

export class ReadBack {
  readonly #submit: (operation: Operation) => void;
  readonly #clock: Clock;

  constructor(submit: (operation: Operation) => void, clock: Clock) {
    this.#submit = submit;
    this.#clock = clock;
  }

  /** Resolves with the outcome of the write, or with undefined when it stays unknown. `target` is that of the write. */
  ask<T>(target: Target, { token, outcome }: Proof<T>): Promise<T | undefined> {
    const { key, slot, deadlineMs } = target;
    return new Promise((resolve) => {
      const leftMs = deadlineMs + ANSWER_MS_MAX - this.#clock.monotonicMs();
      const giveUp = (): void => resolve(undefined);
      const timer = this.#clock.setTimer(Math.max(0, leftMs), giveUp);
      const found = (reply: unknown): void => {
        timer.cancel();
        const item = reply === null ? undefined : decodeItem(reply as Buffer);
        resolve(item?.ownCas === BigInt(token) ? outcome(item) : undefined);
      };
      const until = { key, slot, deadlineMs: deadlineMs + SEND_MS_MAX };
      // Marked as a write, so that a barrier follows it even where reads do without one.
      const command: Command = { name: 'GET', args: [key], effect: 'may-write' };
      this.#submit(new Operation(until, command, found, giveUp));
    });
  }
}
