// The main thread's side of the background worker: started when first needed, one task at a time, its
// questions answered by the caller.

import { AssertionError, assert } from '../../assert.js';
import type { Env, Worker } from '../../env/env.js';
import { KvError } from '../../errors.js';
import type {
  CompactDone,
  ExportDone,
  ExportItems,
  ExportMore,
  FromWorker,
  HintDone,
  JudgeAnswer,
  JudgeQuestion,
  ScrubDone,
  Task,
  ToWorker,
} from './messages.js';

export type Question = JudgeQuestion | ExportMore;
export type Answer = JudgeAnswer | ExportItems;
export type Done = CompactDone | HintDone | ExportDone | ScrubDone;

interface Running {
  readonly answer: (question: Question) => Answer | Promise<Answer>;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: Error) => void;
}

export class Background {
  readonly #env: Env;
  readonly #dir: string;
  #worker: Worker | undefined;
  #running: Running | undefined;
  #closed = false;

  constructor(env: Env, dir: string) {
    this.#env = env;
    this.#dir = dir;
  }

  /** Runs a task; `answer` is asked in between. Rejects with KvError when the worker could not do it. */
  perform(task: Task, answer: Running['answer']): Promise<Done> {
    assert(this.#running === undefined, 'The background does one task at a time');
    if (this.#closed) return Promise.reject(closing());
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve, reject) => {
      this.#running = { answer, resolve, reject };
      this.#send(worker, task);
    });
  }

  /** Lets the worker end; a task under way fails with KV_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) {
      const stop: ToWorker = { stop: true };
      await worker.end(stop);
    }
    this.#end()?.reject(closing());
  }

  #start(): Worker {
    const worker = this.#env.startWorker(new URL('./worker.js', import.meta.url), {
      dir: this.#dir,
    });
    worker.onMessage((message) => this.#receive(worker, message as FromWorker));
    worker.done.catch((error: unknown) => {
      this.#worker = undefined;
      this.#end()?.reject(new KvError('KV_IO', 'The background thread died', { cause: error }));
    });
    this.#worker = worker;
    return worker;
  }

  #receive(worker: Worker, message: FromWorker): void {
    const running = this.#running;
    if (running === undefined) return;
    if ('ask' in message) {
      const fail = (error: unknown): void => {
        this.#end()?.reject(error as Error);
        if (error instanceof AssertionError) throw error;
      };
      Promise.resolve(message)
        .then(running.answer)
        .then((answer) => {
          if (this.#running === running) this.#send(worker, answer);
        })
        .catch(fail);
      return;
    }
    this.#end();
    if (message.done !== 'failed') running.resolve(message);
    else {
      const known = ['KV_CORRUPTION', 'KV_CLOSED'] as const;
      const code = known.find((one) => one === message.code) ?? 'KV_IO';
      const cause = Object.assign(new Error(message.message), { code: message.code });
      running.reject(new KvError(code, message.message, { cause }));
    }
  }

  #send(worker: Worker, message: ToWorker): void {
    worker.post(message);
  }

  #end(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    return running;
  }
}

function closing(): KvError {
  return new KvError('KV_CLOSED', 'The store is closing');
}
