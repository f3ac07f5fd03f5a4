// How long a turn of the server's loop is at most while it does each thing that a client or the janitor can
// make it do: nobody waits for another's work (promise 7 of README.md, the stall table in docs/reliability.md).

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { cairnLaunch, ServerProcess } from '../../../tools/torture/server-process.js';
import { temporaryFolder } from '../../support/servers.js';
import { statsOf } from '../life.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { stallOf, watchLaunch, type Stall } from '../stalls/loop-probe.js';
import {
  COMMON,
  EVICTING,
  expiring,
  FLUSHING,
  IDLING,
  TRIMMING,
  type Operation,
} from '../stalls/operations.js';
import { keyOf, pour, requests } from '../stalls/traffic.js';

const LIMIT_MS = 50;
/** An operation that is over its limit is tried again: the machine has other work. */
const TRIES = 3;
const FLAGS = ['-I', '128m', '-c', '12000', '--segment-size', '16m'];

interface Measured extends Stall {
  readonly name: string;
  readonly limitMs: number;
}

export const stalls: FaultRow = {
  name: 'stalls',
  fault: 'Each thing that a client or the janitor can make the loop do, with many keys',
  required: 'No turn of the loop is over 50 ms, none of an eviction or a flush over 10 ms',
  injection: 'a timer within the server and a reader beside it, 50,000 keys (long tier: 1,000,000)',
  try: (budget) => tryAll(budget),
};

async function tryAll(budget: Budget): Promise<Tried> {
  const folder = temporaryFolder();
  const measured: Measured[] = [];
  try {
    await new Stages(folder, budget, measured).all();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const failures = measured
    .filter(({ turnMs, limitMs }) => turnMs > limitMs)
    .map(({ name, turnMs, limitMs }) => `${name}: ${turnMs.toFixed(1)} ms, limit ${limitMs} ms`);
  const worst = measured.toSorted((a, b) => b.turnMs - a.turnMs)[0];
  const figure = `longest turn ${worst?.turnMs.toFixed(1)} ms: ${worst?.name}`;
  return { tried: measured.length, failures, figure };
}

/** The stores on which the operations run: one that is loaded, and copies of it with other bounds. */
class Stages {
  readonly #folder: string;
  readonly #count: number;
  readonly #only: string | undefined;
  /** Prints the lines of the table in docs/reliability.md as it goes. */
  readonly #tells: boolean;
  readonly #measured: Measured[];
  readonly #loaded: string;
  /** Where the running server tells of its loop. */
  #socketPath = '';
  #servers = 0;

  constructor(folder: string, { tier, only }: Budget, measured: Measured[]) {
    this.#folder = folder;
    this.#count = tier === 'fast' ? 50_000 : 1_000_000;
    this.#tells = tier === 'long' || only !== undefined;
    this.#only = only;
    this.#measured = measured;
    this.#loaded = join(folder, 'loaded');
  }

  async all(): Promise<void> {
    const bytes = await this.#serve(this.#loaded, [], async (port) => {
      await this.#measure(port, this.#loaded, COMMON);
      return (await statsOf(port)).get('bytes') ?? 0;
    });
    const bounded = ['--max-bytes', String(bytes)];
    await this.#onCopy('bounded', bounded, (port, dir) => this.#measure(port, dir, EVICTING));
    const keys = ['--max-keys', String(this.#count / 2)];
    await this.#onCopy('trimmed', keys, (port, dir) => this.#measure(port, dir, [TRIMMING]));
    const idle = ['--max-idle', '2s'];
    await this.#onCopy('idle', idle, (port, dir) => this.#measure(port, dir, [IDLING]));
    await this.#onCopy('expiring', [], async (port, dir) => {
      const atSeconds = Math.ceil(Date.now() / 1000 + 2 + this.#count / 20_000);
      const touch = (n: number): string => `touch ${keyOf(n)} ${atSeconds} noreply\r\n`;
      await pour(port, requests(this.#count, touch));
      await pour(port, ['delete a\r\ndelete m\r\ndelete n\r\n']);
      await this.#measure(port, dir, expiring(atSeconds));
    });
    await this.#serve(this.#loaded, [], (port) => this.#measure(port, this.#loaded, FLUSHING));
  }

  async #onCopy(
    name: string,
    flags: readonly string[],
    body: (port: number, dir: string) => Promise<void>,
  ): Promise<void> {
    const dir = join(this.#folder, name);
    cpSync(this.#loaded, dir, { recursive: true });
    await this.#serve(dir, flags, (port) => body(port, dir));
    rmSync(dir, { recursive: true, force: true });
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
    for (const { name, limitMs = LIMIT_MS, once, run } of operations) {
      if (this.#only !== undefined && once !== true && !name.includes(this.#only)) continue;
      const target = { port, dir, count: this.#count };
      const stall = async (): Promise<Stall> => stallOf(port, this.#socketPath, () => run(target));
      let best = await stall();
      for (let tries = 1; tries < TRIES && best.turnMs > limitMs && once !== true; tries++) {
        const again = await stall();
        if (again.turnMs < best.turnMs) best = again;
      }
      this.#measured.push({ name, limitMs, ...best });
      if (this.#tells) console.log(lineOf({ name, limitMs, ...best }));
    }
  }
}

function lineOf({ name, turnMs, readMs, limitMs }: Measured): string {
  return `| ${name} | ${turnMs.toFixed(1)} ms | ${readMs.toFixed(1)} ms | ${limitMs} ms |`;
}
