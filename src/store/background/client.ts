// Client of the background worker, on the main thread: starts the worker when it is first needed and gives it one
// task at a time. The caller answers the worker's questions. An idle worker is ended after a while: it holds tens
// of MiB of garbage, which it would never collect without work.

import { AssertionError, assert } from '../../assert.js';
import type { Env, Timer, Worker } from '../../env/env.js';
import { failureKind } from '../../env/file-failure.js';
import { KvError, failureText } from '../../errors.js';
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

type Question = JudgeQuestion | ExportMore;
type Answer = JudgeAnswer | ExportItems;
type Done = CompactDone | HintDone | ExportDone | ScrubDone;

/** Longer than the few seconds between two tasks under load: a new thread would begin with cold code. */
const IDLE_MS_MAX = 5000;

interface Running {
  readonly answer: (question: Question) => Answer | Promise<Answer>;
  readonly resolve: (done: Done) => void;
  readonly reject: (error: Error) => void;
}

export class Background {
  readonly #env: Env;
  readonly #dir: string;
  readonly #nicerBy: number | undefined;
  #worker: Worker | undefined;
  #running: Running | undefined;
  #idleTimer: Timer | undefined;
  /** Resolves when every worker that was stopped has ended. */
  #ended: Promise<void> = Promise.resolve();
  #closed = false;

  /** `nicerBy`: see Env.startWorker. */
  constructor(env: Env, dir: string, nicerBy?: number) {
    this.#env = env;
    this.#dir = dir;
    this.#nicerBy = nicerBy;
  }

  /** Runs a task and answers the worker's questions with `answer`. Rejects with KvError when the worker fails. */
  perform(task: Task, answer: Running['answer']): Promise<Done> {
    assert(this.#running === undefined, 'The background does one task at a time');
    if (this.#closed) return Promise.reject(closing());
    this.#idleTimer?.cancel();
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve, reject) => {
      this.#running = { answer, resolve, reject };
      this.#send(worker, task);
    });
  }

  /** Ends the worker; a task under way fails with KV_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stop();
    await this.#ended;
    this.#end()?.reject(closing());
    this.#idleTimer?.cancel();
  }

  #stop(): void {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#worker = undefined;
    const stop: ToWorker = { stop: true };
    const before = this.#ended;
    this.#ended = worker.end(stop).then(() => before);
  }

  #start(): Worker {
    const module = new URL('./worker.js', import.meta.url);
    const worker = this.#env.startWorker(module, { dir: this.#dir }, this.#nicerBy);
    worker.onMessage((message) => this.#receive(worker, message as FromWorker));
    worker.done.catch((error: unknown) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      const message = `The background thread failed: ${failureText(error)}`;
      this.#end()?.reject(new KvError('KV_IO', message, { cause: error }));
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
      const { code, message: text } = message;
      const cause = Object.assign(new Error(text), { code });
      running.reject(new KvError(failureKind(code), text, { cause }));
    }
  }

  #send(worker: Worker, message: ToWorker): void {
    worker.post(message);
  }

  #end(): Running | undefined {
    const running = this.#running;
    this.#running = undefined;
    this.#idleTimer?.cancel();
    this.#idleTimer = this.#env.clock.setTimer(IDLE_MS_MAX, () => this.#stop());
    return running;
  }
}

function closing(): KvError {
  return new KvError('KV_CLOSED', 'The store is closing');
}
