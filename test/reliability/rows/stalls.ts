// The longest turn of the server's loop while it does each thing that a client or background work can make it do: no
// request waits for another one's work (promise 7 of README.md, the stall table in docs/reliability.md).

import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { cairnLaunch, ServerProcess } from '../../../tools/torture/server-process.js';
import { temporaryFolder } from '../../support/servers.js';
import { statsOf } from '../life.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { stallOf, watchLaunch, type Stall } from '../stalls/loop-probe.js';
import {
  COMMON,
  EVICTING,
  EXPIRING,
  FLUSHING,
  IDLING,
  TRIMMING,
  type Operation,
} from '../stalls/operations.js';
import { removeFolder } from '../../support/remove-folder.js';

const LIMIT_MS = 50;
/** An operation that is over its limit is tried again, because the machine has other work. */
const TRIES = 3;
const FLAGS = ['-I', '128m', '-c', '12000', '--segment-size', '16m'];

interface Measured extends Stall {
  readonly name: string;
  readonly limitMs: number;
}

export const stalls: FaultRow = {
  name: 'stalls',
  fault: 'Each thing that a client or the upkeep can make the loop do, with many keys',
  required: 'No turn of the loop is over 50 ms, none of an eviction or a flush over 10 ms',
  injection: 'a timer within the server and a reader beside it, 20,000 keys (long tier: 1,000,000)',
  try: (budget) => tryAll(budget),
};

async function tryAll(budget: Budget): Promise<Tried> {
  const folder = temporaryFolder();
  const stages = new Stages(folder, budget);
  try {
    await stages.all();
  } finally {
    removeFolder(folder);
  }
  const measured = [...stages.measured.values()];
  const failures = measured
    .filter(isOver)
    .map(({ name, turnMs, limitMs }) => `${name}: ${turnMs.toFixed(1)} ms, limit ${limitMs} ms`);
  const worst = measured.toSorted((a, b) => b.turnMs - a.turnMs)[0];
  const figure = `longest turn ${worst?.turnMs.toFixed(1)} ms: ${worst?.name}`;
  return { tried: measured.length, failures, figure };
}

/** The stores on which the operations run: one that is loaded, and copies of it with other bounds. */
class Stages {
  /** The best of the needed tries, by name of the operation. */
  readonly measured = new Map<string, Measured>();
  readonly #folder: string;
  readonly #count: number;
  readonly #only: string | undefined;
  /** True: the lines of the table in docs/reliability.md are printed as they are measured. */
  readonly #tells: boolean;
  /** The fast tier shares the machine with other work: it finds what is wrong, and the long tier measures. */
  readonly #tolerance: number;
  readonly #loaded: string;
  /** The socket on which the running server reports about its loop. */
  #socketPath = '';
  #servers = 0;

  constructor(folder: string, { tier, only }: Budget) {
    this.#folder = folder;
    this.#count = tier === 'fast' ? 20_000 : 1_000_000;
    this.#tells = tier === 'long' || only !== undefined;
    this.#tolerance = tier === 'fast' ? 2 : 1;
    this.#only = only;
    this.#loaded = join(folder, 'loaded');
  }

  async all(): Promise<void> {
    const bytes = await this.#serve(this.#loaded, [], async (port) => {
      await this.#measure(port, this.#loaded, COMMON);
      return (await statsOf(port)).get('bytes') ?? 0;
    });
    await this.#onCopies(['--max-bytes', String(bytes)], EVICTING);
    await this.#onCopies(['--max-keys', String(this.#count / 2)], [TRIMMING]);
    await this.#onCopies(['--max-idle', '2s'], [IDLING]);
    await this.#onCopies([], FLUSHING);
    await this.#onCopies([], EXPIRING);
  }

  /** Measures on a copy of the loaded store, and once more on another copy when a limit was broken. */
  async #onCopies(flags: readonly string[], operations: readonly Operation[]): Promise<void> {
    const dir = join(this.#folder, 'copy');
    if (!operations.some(({ name }) => name.includes(this.#only ?? ''))) return;
    for (let tries = 0; tries < TRIES; tries++) {
      cpSync(this.#loaded, dir, { recursive: true });
      await this.#serve(dir, flags, (port) => this.#measure(port, dir, operations));
      removeFolder(dir);
      if (!operations.some(({ name }) => this.#isOver(name))) return;
    }
  }

  /** An operation that was not asked for is not measured. */
  #isOver(name: string): boolean {
    const measured = this.measured.get(name);
    return measured !== undefined && isOver(measured);
  }

  async #serve<T>(
    dir: string,
    flags: readonly string[],
    body: (port: number) => Promise<T>,
  ): Promise<T> {
    this.#servers += 1;
    this.#socketPath = join(this.#folder, `loop${this.#servers}.sock`);
    const launch = cairnLaunch(dir, [...FLAGS, ...flags]);
    const server = await ServerProcess.start(watchLaunch(launch, this.#socketPath));
    try {
      return await body(server.port);
    } finally {
      await server.stop();
    }
  }

  async #measure(port: number, dir: string, operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      const { name, once } = operation;
      const limitMs = (operation.limitMs ?? LIMIT_MS) * this.#tolerance;
      if (once !== true && !name.includes(this.#only ?? '')) continue;
      for (let tries = 0; tries < TRIES; tries++) {
        const target = { port, dir, count: this.#count };
        const stall = await stallOf(port, this.#socketPath, () => operation.run(target));
        const best = this.measured.get(name);
        if (best === undefined || stall.turnMs < best.turnMs) {
          this.measured.set(name, { name, limitMs, ...stall });
        }
        if (once === true || !this.#isOver(name)) break;
      }
      if (this.#tells) console.log(lineOf(this.measured.get(name)!));
    }
  }
}

const isOver = ({ turnMs, limitMs }: Measured): boolean => turnMs > limitMs;

function lineOf({ name, turnMs, readMs, limitMs }: Measured): string {
  return `| ${name} | ${turnMs.toFixed(1)} ms | ${readMs.toFixed(1)} ms | ${limitMs} ms |`;
}
