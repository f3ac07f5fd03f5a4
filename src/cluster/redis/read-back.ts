// The fate of a write whose answer was lost: its item is read back, and tells it by its token.
//
// Invariants:
// - An item with the write's own token proves that the write was done. Another item proves nothing, and a miss neither:
//   somebody may have written since, or the request lies in a node's buffer and is done later.
// - What is proved is as durable as an answer: a barrier stands behind the read, with `reads=fast` too.
// - The answer comes no later than that of a write which was sent and waited for as long as possible.

import type { Clock } from '../../env/env.js';
import { decodeItem, type DecodedItem } from '../item-bytes.js';
import { Operation, type Command, type Target } from './operation.js';

/** Behind the deadline of the write: the read is sent by then, and answered by then. */
const SEND_MS_MAX = 1500;
const ANSWER_MS_MAX = 3000;

/** The outcome of a write, as its item tells it when it has this token. */
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

  /** Resolves with the outcome of the write, or with undefined: nobody can tell. `target` is the write's. */
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
      // Called a write, so that a barrier stands behind it whatever reads may do without.
      const command: Command = { name: 'GET', args: [key], effect: 'may-write' };
      this.#submit(new Operation(until, command, found, giveUp));
    });
  }
}
