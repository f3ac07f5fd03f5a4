// Clients flush and delete prefixes without end. The loop goes on, and the next start takes no longer because of it.

import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { cairnLaunch, ServerProcess } from '../../../tools/torture/server-process.js';
import { temporaryFolder } from '../../support/servers.js';
import { ms } from '../life.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { stallOf, watchLaunch } from '../stalls/loop-probe.js';
import { keyOf, pour, requests, sets } from '../stalls/traffic.js';
import { removeFolder } from '../../support/remove-folder.js';

const TURN_MS_MAX = 50;
/** The limit of a start after the storm, relative to a start after as many sets: both share the machine with others. */
const START_RATIO_MAX = 3;
const START_MS_MORE = 500;

export const flushStorm: FaultRow = {
  name: 'flush-storm',
  fault: 'Clients send delete_prefix and flush_all, many thousands of times',
  required:
    'No turn of the loop is over 50 ms; a start takes no longer than after as many sets, killed or stopped',
  injection: '100,000 of them among 20,000 keys (long tier: 1,000,000)',
  try: async (budget) => {
    const folder = temporaryFolder();
    try {
      return await storm(folder, budget);
    } finally {
      removeFolder(folder);
    }
  },
};

async function storm(folder: string, { tier }: Budget): Promise<Tried> {
  const count = tier === 'fast' ? 100_000 : 1_000_000;
  const keys = 20_000;
  const flushes = (from: number): Generator<string> =>
    requests(count / 4, (n) => {
      const prefix = `delete_prefix k${String(from + (n % keys))
        .padStart(9, '0')
        .slice(0, 7)} noreply\r\n`;
      return n % 50 === 0
        ? 'flush_all noreply\r\n'
        : n % 2 === 0
          ? prefix
          : `delete_prefix p${from + n} noreply\r\n`;
    });
  const failures: string[] = [];
  const socketPath = join(folder, 'loop.sock');
  const stormy = new Store(join(folder, 'stormy'), socketPath);
  const calm = new Store(join(folder, 'calm'), join(folder, 'calm.sock'));
  await calm.start();
  await pour(calm.port, sets(keys, 10));
  await pour(
    calm.port,
    requests(count, (n) => `set ${keyOf(n % keys)} 0 0 1 noreply\r\nx\r\n`),
  );
  const calmMs = await calm.restartMs('SIGKILL');
  await calm.end();
  await stormy.start();
  let longestMs = 0;
  for (let round = 0; round < 4; round++) {
    const { turnMs } = await stallOf(stormy.port, socketPath, async () => {
      await pour(stormy.port, sets(keys, 10));
      await pour(stormy.port, flushes(round * count));
      await pour(
        stormy.port,
        requests(keys, (n) => `get ${keyOf(n)}\r\n`),
      );
    });
    longestMs = Math.max(longestMs, turnMs);
  }
  const killedMs = await stormy.restartMs('SIGKILL');
  const stoppedMs = await stormy.restartMs('SIGTERM');
  await stormy.end();
  if (longestMs > TURN_MS_MAX) failures.push(`a turn of ${ms(longestMs)}`);
  for (const [how, startMs] of [
    ['a kill', killedMs],
    ['a stop', stoppedMs],
  ] as const) {
    if (startMs > START_RATIO_MAX * calmMs + START_MS_MORE) {
      failures.push(`the start after ${how} took ${ms(startMs)}, ${ms(calmMs)} after as many sets`);
    }
  }
  const figure =
    `longest turn ${ms(longestMs)}; start after a kill ${ms(killedMs)}, after a stop ${ms(stoppedMs)}, ` +
    `after a kill behind as many sets ${ms(calmMs)}`;
  return { tried: count, failures, figure };
}

/** A server whose starts are timed; it is ended by end(), or with this process. */
class Store {
  readonly #dir: string;
  readonly #socketPath: string;
  #server: ServerProcess | undefined;

  constructor(dir: string, socketPath: string) {
    this.#dir = dir;
    this.#socketPath = socketPath;
  }

  get port(): number {
    return this.#server!.port;
  }

  async start(): Promise<number> {
    const startedMs = performance.now();
    rmSync(this.#socketPath, { force: true });
    this.#server = await ServerProcess.start(watchLaunch(cairnLaunch(this.#dir), this.#socketPath));
    return performance.now() - startedMs;
  }

  async restartMs(signal: NodeJS.Signals): Promise<number> {
    await this.#server!.stop(signal);
    return this.start();
  }

  async end(): Promise<void> {
    await this.#server!.kill();
  }
}
