// Background: the main thread's side of the background worker, with a worker that the test plays.

import { expect } from 'chai';

import type { Env, Worker } from '../../../../src/env/env.js';
import { isKvError } from '../../../../src/errors.js';
import { Background } from '../../../../src/store/background/client.js';
import type { FromWorker, HintTask, ToWorker } from '../../../../src/store/background/messages.js';
import { SimWorld } from '../../../sim/sim-world.js';

const TASK: HintTask = {
  task: 'hint',
  hashSeed: { k0: 1, k1: 2 },
  segment: { first: 1, last: 1, generation: 0, salt: 1, committedBytes: 64 },
};

/** A worker that the test controls. */
class PlayedWorker implements Worker {
  readonly posted: ToWorker[] = [];
  readonly done: Promise<void>;
  readonly #listeners: ((message: unknown) => void)[] = [];
  #finish: () => void = () => {};
  die: (error: Error) => void = () => {};

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.die = reject;
    });
  }

  post(message: unknown): void {
    this.posted.push(message as ToWorker);
  }

  end(message: unknown): Promise<void> {
    this.post(message);
    this.#finish();
    return this.done;
  }

  onMessage(call: (message: unknown) => void): void {
    this.#listeners.push(call);
  }

  say(message: FromWorker): void {
    for (const call of this.#listeners) call(message);
  }
}

function start(): { background: Background; workers: PlayedWorker[]; world: SimWorld } {
  const workers: PlayedWorker[] = [];
  const world = new SimWorld(1);
  const env: Env = Object.assign(world.boot(), {
    startWorker: (): Worker => {
      workers.push(new PlayedWorker());
      return workers.at(-1)!;
    },
  });
  return { background: new Background(env, '/data'), workers, world };
}

const asksNothing = (): never => {
  throw new Error('Nothing is asked');
};

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (isKvError(error) ? error.code : String(error)),
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('Background', () => {
  it('perform() starts one worker for all tasks, and only when it is needed', async () => {
    const { background, workers } = start();
    expect(workers.length).to.equal(0);
    for (let round = 0; round < 3; round++) {
      const done = background.perform(TASK, asksNothing);
      workers[0]!.say({ done: 'hint' });
      expect(await done).to.deep.equal({ done: 'hint' });
    }
    expect(workers.length).to.equal(1);
    expect(workers[0]!.posted).to.deep.equal([TASK, TASK, TASK]);
  });

  it('perform() answers the questions of the worker', async () => {
    const { background, workers } = start();
    const answer = { answer: 'items', items: [], segments: [], last: true } as const;
    const done = background.perform(TASK, () => Promise.resolve(answer));
    workers[0]!.say({ ask: 'items' });
    await turn();
    expect(workers[0]!.posted).to.deep.equal([TASK, answer]);
    workers[0]!.say({ done: 'hint' });
    await done;
  });

  it('perform() fails when an answer cannot be given', async () => {
    const { background, workers } = start();
    const done = codeOf(background.perform(TASK, asksNothing));
    workers[0]!.say({ ask: 'items' });
    expect(await done).to.include('Nothing is asked');
  });

  it('a failed task keeps its code, and has its system error as cause', async () => {
    const { background, workers } = start();
    for (const [code, expected] of [
      ['KV_CORRUPTION', 'KV_CORRUPTION'],
      ['KV_CLOSED', 'KV_CLOSED'],
      ['KV_NO_SPACE', 'KV_NO_SPACE'],
      ['ENOSPC', 'KV_NO_SPACE'],
      ['EROFS', 'KV_NO_PERMISSION'],
      ['EIO', 'KV_IO'],
      ['ENOENT', 'KV_IO'],
      [undefined, 'KV_IO'],
    ] as const) {
      const done = background.perform(TASK, asksNothing).catch((error: unknown) => error);
      workers[0]!.say({ done: 'failed', code, message: 'no' });
      const error = await done;
      expect(isKvError(error, expected)).to.equal(true);
      expect((error as Error).cause).to.include({ code });
    }
  });

  it('a worker that dies fails its task, and the next task has a new one', async () => {
    const { background, workers } = start();
    const done = codeOf(background.perform(TASK, asksNothing));
    workers[0]!.die(new Error('out of memory'));
    expect(await done).to.equal('KV_IO');
    const next = background.perform(TASK, asksNothing);
    expect(workers.length).to.equal(2);
    workers[1]!.say({ done: 'hint' });
    await next;
  });

  it('a worker without work ends after a while, and the next task has a new one', async () => {
    const { background, workers, world } = start();
    const first = background.perform(TASK, asksNothing);
    await world.scheduler.advance(10_000);
    expect(workers[0]!.posted).to.deep.equal([TASK]);
    workers[0]!.say({ done: 'hint' });
    await first;
    await world.scheduler.advance(10_000);
    expect(workers[0]!.posted).to.deep.equal([TASK, { stop: true }]);
    const next = background.perform(TASK, asksNothing);
    expect(workers[1]!.posted).to.deep.equal([TASK]);
    workers[1]!.say({ done: 'hint' });
    await next;
  });

  it('close() ends the worker and the task under way, and later tasks fail', async () => {
    const { background, workers } = start();
    const done = codeOf(background.perform(TASK, asksNothing));
    await background.close();
    expect(await done).to.equal('KV_CLOSED');
    expect(workers[0]!.posted.at(-1)).to.deep.equal({ stop: true });
    expect(await codeOf(background.perform(TASK, asksNothing))).to.equal('KV_CLOSED');
    expect(workers.length).to.equal(1);
    await background.close();
  });

  it('close() starts no worker when there was no task', async () => {
    const { background, workers } = start();
    await background.close();
    expect(workers.length).to.equal(0);
  });
});
