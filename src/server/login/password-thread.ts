// The thread that hashes passwords, both sides of it: a hash takes a tenth of a second and much memory, and
// libuv's pool is what commits are written by. Started with the first check; runs one at a time.
// Invariant: on Linux its priority is lower than the main thread's (as of every background thread).

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

  /** Whether the password is the digest's; undefined when the thread died. One question at a time. */
  check(password: Buffer, digest: string): Promise<boolean | undefined> {
    assert(this.#settle === undefined, 'One password is checked at a time');
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve) => {
      this.#settle = resolve;
      // A copy: a clone of a Buffer would take the pool around it along.
      worker.post({ password: Uint8Array.from(password), digest } satisfies Question);
    });
  }

  /** The thread ends after the check that it is at. */
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

/** The thread's side. */
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
