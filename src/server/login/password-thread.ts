// The thread that hashes passwords, with both of its sides. A hash takes a tenth of a second and much memory, and would
// delay commits in libuv's pool. The thread starts with the first check and runs one check at a time.
// Invariant: on Linux its priority is lower than the main thread's, as for every background thread.

import { failureText } from '../../errors.js';
import { assert } from '../../assert.js';
import type { Env, Port, Worker } from '../../env/env.js';
import { isPasswordOf } from '../../password-digest.js';

interface Question {
  readonly password: Uint8Array;
  readonly digest: string;
}

const END = 'end';

export class PasswordThread {
  readonly #env: Env;
  #worker: Worker | undefined;
  #settle: ((isRight: boolean | undefined) => void) | undefined;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Checks the password against the digest; undefined when the thread died. At most one check runs at a time. */
  check(password: Buffer, digest: string): Promise<boolean | undefined> {
    assert(this.#settle === undefined, 'One password is checked at a time');
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve) => {
      this.#settle = resolve;
      // A copy is sent, because the clone of a pooled Buffer would include its whole pool.
      worker.post({ password: Uint8Array.from(password), digest } satisfies Question);
    });
  }

  /** Ends the thread after its current check. */
  close(): void {
    this.#worker?.post(END);
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = this.#env.startWorker(
      new URL('./password-thread.js', import.meta.url),
      undefined,
    );
    worker.onMessage((isRight) => this.#answer(isRight === true));
    worker.done.then(
      () => this.#answer(undefined),
      (error: unknown) => {
        this.#env.logger.warn(`The thread that checks passwords ended: ${failureText(error)}`);
        this.#worker = undefined;
        this.#answer(undefined);
      },
    );
    return worker;
  }

  #answer(isRight: boolean | undefined): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(isRight);
  }
}

/** Runs the thread's side: answers questions until END. */
export async function run(_env: Env, port: Port): Promise<void> {
  await new Promise<void>((resolve) => {
    port.onMessage((message) => {
      if (message === END) {
        resolve();
        return;
      }
      const { password, digest } = message as Question;
      port.post(isPasswordOf(password, digest));
    });
  });
}
