// A background thread without a thread: the module's run() in this thread, with an Env that ends with it, over a pair of
// ports. Messages are structured clones; they arrive later and in order.

import { assert } from '../../src/assert.js';
import type { Port, Worker } from '../../src/env/env.js';
import type { SimThread } from './sim-thread.js';

type Listener = (message: unknown) => void;

/** One direction of a channel. */
class Pipe {
  readonly #from: SimThread;
  readonly #to: SimThread;
  readonly #listeners: Listener[] = [];
  readonly #waiting: unknown[] = [];
  #lastMs = 0;

  constructor(from: SimThread, to: SimThread) {
    this.#from = from;
    this.#to = to;
  }

  post(message: unknown, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.#from.isAlive) return;
    const { scheduler, random } = this.#from.world;
    const clone: unknown = structuredClone(message, { transfer: [...transfer] });
    this.#lastMs = Math.max(this.#lastMs, scheduler.nowMs + random.fraction());
    this.#to.later(this.#lastMs - scheduler.nowMs, () => {
      if (this.#listeners.length === 0) this.#waiting.push(clone);
      else for (const call of this.#listeners) call(clone);
    });
  }

  onMessage(call: Listener): void {
    this.#listeners.push(call);
    for (const message of this.#waiting.splice(0)) call(message);
  }
}

interface WorkerModule {
  readonly run?: (env: SimThread, port: Port, input: unknown) => Promise<void>;
}

export function startSimWorker(starter: SimThread, module: URL, input: unknown): Worker {
  const worker = starter.thread();
  const there = new Pipe(starter, worker);
  const back = new Pipe(worker, starter);
  const port: Port = {
    post: (message, transfer) => back.post(message, transfer),
    onMessage: (call) => there.onMessage(call),
  };
  const copy: unknown = structuredClone(input);
  const loading = import(module.href) as Promise<WorkerModule>;
  starter.world.scheduler.waitOutside(loading);
  const done = new Promise<void>((resolve, reject) => {
    loading
      .then(({ run }) => {
        assert(run !== undefined, `${module.href} exports run()`);
        return run(worker, port, copy);
      })
      .then(
        // The thread's end is an event of its own, after the messages that it posted.
        () => starter.later(1, resolve),
        (error: unknown) => starter.later(1, () => reject(asError(error))),
      );
  });
  return {
    done,
    post: (message, transfer) => there.post(message, transfer),
    onMessage: (call) => back.onMessage(call),
    async end(message) {
      there.post(message);
      await done.catch(() => undefined);
    },
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
