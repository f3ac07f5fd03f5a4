// A server under load on a disk that loses power (power-disk.ts). Images of the disk are taken at random instants. Each is
// mounted, its journal is recovered, a server is started on it, and every key is compared with the ledger of that instant.
// There are several rounds: power comes back with the last image, on which the server goes on. Images are also taken while
// it recovers.
//
// Invariant: whatever an image must hold was acknowledged or seen before the cut began; whatever it may hold was sent
// before the cut was done.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { compare, describeFound, makeWriters, underLoad } from '../../tools/torture/crash-loop.js';
import type { State } from '../../tools/torture/ledger.js';
import {
  noFindings,
  readOf,
  ServerRefusal,
  stateOf,
  type Findings,
  type Writer,
} from '../../tools/torture/load.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { cairnLaunch, ServerFailure, ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { MountFailure, type PowerDisk } from './power-disk.js';

/** A power cut: the image that it left, and what each key may hold in it. */
interface Cut {
  readonly image: string;
  readonly seed: number;
  readonly possible: ReadonlyMap<string, readonly State[]>;
}

/** Small limits, so that rotation, hints and compactions are under way at a cut. */
const SERVER_ARGS_DEFAULT = [
  '--segment-size',
  '1m',
  '--compact-min',
  '512k',
  '--compact-ratio',
  '0.2',
];
const WRITERS = 4;
const VALUE_BYTES_MAX_DEFAULT = 4000;
const BETWEEN_CUTS_MS_MAX = 120;
/** The exit code of a server whose disk failed (docs/errors.md). */
export const POISONED = 79;
/** Longest time from a fault until the server ends or says what it gave up; only a hang lasts that long. */
const STRIKES_WITHIN_MS = 60_000;
const LOOK_MS = 20;

export interface PowerLossOptions {
  /** The largest value of the load. */
  readonly valueBytesMax?: number;
  /** The share of writes with long values, as Writer takes it. */
  readonly longShare?: number;
  readonly serverArgs?: readonly string[];
  /** Environment variables that break the server under load; the servers that check the images do without. */
  readonly env?: Readonly<Record<string, string>>;
}

export class PowerLoss {
  readonly findings: Findings = noFindings();
  /** Images that could not be mounted or on which no server started, with the error output. */
  readonly notStarted: string[] = [];
  images = 0;
  readonly #disk: PowerDisk;
  readonly #random: SeededRandom;
  readonly #writers: readonly Writer[];
  readonly #serverArgs: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #cuts: Cut[] = [];
  #server: ServerProcess | undefined;

  constructor(disk: PowerDisk, seed: number, options: PowerLossOptions = {}) {
    this.#disk = disk;
    this.#random = new SeededRandom(seed);
    const valueBytesMax = options.valueBytesMax ?? VALUE_BYTES_MAX_DEFAULT;
    this.#writers = makeWriters(WRITERS, this.#random, valueBytesMax, options.longShare);
    this.#serverArgs = options.serverArgs ?? SERVER_ARGS_DEFAULT;
    this.#env = options.env ?? {};
  }

  /** Runs load and takes `cuts` images meanwhile; kills the server at the last one. Server and power must be on. */
  async load(cuts: number): Promise<void> {
    const server = this.#running();
    await underLoad(server, this.#writers, this.#random, this.findings, async () => {
      await this.#cutSometimes(cuts);
      void server.kill();
    });
  }

  /**
   * Starts the server on the existing files, takes `cuts` images meanwhile, and compares. Throws ServerFailure when the server
   * does not come up.
   */
  async start(cuts: number): Promise<void> {
    const launch = {
      ...cairnLaunch(join(this.#disk.root, 'data'), this.#serverArgs),
      env: this.#env,
    };
    const starting = ServerProcess.start(launch);
    [this.#server] = await Promise.all([starting, this.#cutSometimes(cuts)]);
    await compare(this.#server.port, this.#writers, this.findings);
  }

  /** The output of the server under load since its start. */
  get output(): string {
    return this.#running().output;
  }

  /**
   * Runs load until the server ends because of a fault that `strike` sets, or until its output matches `goesOn`: it is then
   * killed. Returns the exit code; null after a kill.
   */
  async loadUntilEnd(strike: () => Promise<void>, goesOn: RegExp): Promise<number | null> {
    const server = this.#running();
    const loading = underLoad(server, this.#writers, this.#random, this.findings, async () => {
      await setTimeout(this.#random.below(BETWEEN_CUTS_MS_MAX));
      await strike();
      const deadlineMs = performance.now() + STRIKES_WITHIN_MS;
      let hasEnded = false;
      while (!hasEnded && !goesOn.test(server.output) && performance.now() < deadlineMs) {
        const end = server.exited.then(() => true);
        hasEnded = await Promise.race([end, setTimeout(LOOK_MS, false)]);
      }
      void server.kill();
    });
    await loading.catch((error: unknown) => {
      if (!(error instanceof ServerFailure || error instanceof ServerRefusal)) throw error;
    });
    const { code } = await server.exited;
    return code;
  }

  /** Turns power off, mounts and compares every image since the last time, and turns power on with the newest. */
  async lookAndPowerOn(): Promise<void> {
    await this.#running().kill();
    await this.#disk.powerOff();
    for (const cut of this.#cuts) await this.#look(cut);
    const newest = this.#cuts.at(-1);
    if (newest !== undefined) {
      for (const writer of this.#writers) {
        for (const [key, ledger] of writer.ledgers) ledger.cutBack(newest.possible.get(key) ?? []);
      }
      await this.#disk.powerOn(newest.image);
    }
    for (const { image } of this.#cuts.splice(0)) rmSync(image);
  }

  async close(): Promise<void> {
    await this.#server?.kill();
  }

  /** Returns one line for each broken promise. */
  failures(): string[] {
    const { lost, invented, wrongReplies } = this.findings;
    return [...lost, ...invented, ...wrongReplies, ...this.notStarted];
  }

  /** Cuts power once, at this instant. */
  async cutNow(): Promise<void> {
    const seed = this.#random.next32();
    const ledgers = this.#writers.flatMap((writer) => [...writer.ledgers]);
    const floors = ledgers.map(([, ledger]) => ledger.floor);
    const image = join(this.#disk.dir, `cut-${this.#cuts.length}.img`);
    await this.#disk.crash(seed, image);
    const possible = new Map(
      ledgers.map(([key, ledger], at) => [key, ledger.possibleSince(floors[at] ?? 0)]),
    );
    this.#cuts.push({ image, seed, possible });
  }

  async #cutSometimes(cuts: number): Promise<void> {
    for (let cut = 0; cut < cuts; cut++) {
      await setTimeout(this.#random.below(BETWEEN_CUTS_MS_MAX));
      await this.cutNow();
    }
  }

  async #look(cut: Cut): Promise<void> {
    this.images += 1;
    try {
      await this.#disk.inspect(cut.image, async (root) => {
        const server = await ServerProcess.start(cairnLaunch(join(root, 'data'), this.#serverArgs));
        try {
          await this.#compare(server.port, cut);
        } finally {
          await server.kill();
        }
      });
    } catch (error) {
      if (!(error instanceof ServerFailure || error instanceof MountFailure)) throw error;
      this.notStarted.push(`image ${this.images} (cut ${cut.seed}): ${error.message}`);
    }
  }

  async #compare(port: number, { possible, seed }: Cut): Promise<void> {
    const client = await WireClient.connect(port);
    for (const writer of this.#writers) {
      for (const [key, ledger] of writer.ledgers) {
        const found = stateOf(await client.meta(readOf(key)));
        const verdict = ledger.verdict(found, possible.get(key) ?? []);
        if (verdict === 'right') continue;
        this.findings[verdict].push(
          `image ${this.images} (cut ${seed}): ${describeFound(key, found)}`,
        );
      }
    }
    client.close();
  }

  #running(): ServerProcess {
    if (this.#server === undefined) throw new Error('start() comes first');
    return this.#server;
  }
}
