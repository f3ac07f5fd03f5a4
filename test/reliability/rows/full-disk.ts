// A disk that is really full, over and over: exactly the refused writes are missing, reads, deletes and compaction go on,
// and writes resume by themselves when there is room.

import { setTimeout } from 'node:timers/promises';

import { askServer } from '../../../tools/compact/control-client.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { cairnLaunch } from '../../support/servers.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { canMount, missingPackages, mountExt4, mountTmpfs, type SmallDisk } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

const MEGABYTES = 24;
const REFUSED = 'SERVER_ERROR disk full, not stored';
/** The number of refusals in a row after which the disk counts as full. */
const REFUSALS_ENOUGH = 24;
const IN_FLIGHT = 8;
const RESUME_MS_MAX = 15_000;
const FLAGS = ['--segment-size', '1m', '--compact-min', '512k', '--snapshot', 'never'];

export const fullDiskTmpfs: FaultRow = {
  name: 'full-disk-tmpfs',
  fault: 'The disk is full (ENOSPC, short writes), again and again',
  required:
    'Exactly the refused writes are missing; reads, deletes and compaction work; writes resume by themselves',
  injection: `tmpfs of ${MEGABYTES} MB`,
  try: (budget) => tryDisk(budget, () => mountTmpfs(`size=${MEGABYTES}m`)),
};

export const fullDiskExt4: FaultRow = {
  ...fullDiskTmpfs,
  name: 'full-disk-ext4',
  injection: `ext4 of ${MEGABYTES} MB on a loop device`,
  try: (budget) => tryDisk(budget, () => mountExt4(MEGABYTES)),
};

async function tryDisk(budget: Budget, mount: () => SmallDisk): Promise<Tried | Skipped> {
  const missing = missingPackages({ 'mkfs.ext4': 'e2fsprogs', mount: 'mount' });
  if (missing !== undefined) return { needs: missing };
  if (!canMount()) return { needs: 'root that may mount' };
  const disk = mount();
  const server = await ServerProcess.start(cairnLaunch(disk.dir, FLAGS));
  try {
    const cycles = new FillCycles(disk.dir, server, budget.seed);
    for (let cycle = 0; cycle < (budget.tier === 'fast' ? 3 : 30); cycle++) {
      await cycles.run(cycle);
    }
    await cycles.end();
    return cycles.report();
  } finally {
    await server.kill();
    disk.remove();
  }
}

class FillCycles {
  readonly #dir: string;
  readonly #server: ServerProcess;
  readonly #random: SeededRandom;
  /** The items that the store must hold. */
  readonly #expected = new Map<string, string>();
  /** Keys that are being written: one write per key at a time, so that its outcome is known. */
  readonly #inFlight = new Set<string>();
  readonly #refusedKeys = new Set<string>();
  readonly #failures: string[] = [];
  #client: WireClient | undefined;
  #cycles = 0;
  #stored = 0;
  #refused = 0;
  #deleted = 0;
  #compactions = 0;
  #slowestResumeMs = 0;

  constructor(dir: string, server: ServerProcess, seed: number) {
    this.#dir = dir;
    this.#server = server;
    this.#random = new SeededRandom(seed);
  }

  async run(cycle: number): Promise<void> {
    this.#client = await WireClient.connect(this.#server.port);
    this.#cycles += 1;
    await this.#fill(cycle);
    await this.#compareAll(`cycle ${cycle}, full`);
    await this.#compact(`cycle ${cycle}, full`);
    await this.#deleteSome(cycle);
    await this.#compareAll(`cycle ${cycle}, after deletes`);
    await this.#compact(`cycle ${cycle}, after deletes`);
    await this.#awaitResume(cycle);
    this.#client.close();
  }

  /** Stops the server, which must be clean; the next start must find the same items. */
  async end(): Promise<void> {
    const { code } = await this.#server.stop();
    if (code !== 0) this.#failures.push(`the stop ended with ${code}: ${this.#server.output}`);
    await this.#server.restart();
    this.#client = await WireClient.connect(this.#server.port);
    await this.#compareAll('after a restart');
    this.#client.close();
  }

  report(): Tried {
    const figure =
      `${this.#cycles} times filled: ${this.#stored} writes stored, ${this.#refused} refused, ` +
      `${this.#deleted} deletes on a full disk, ${this.#compactions} compactions; ` +
      `writes resumed in ${this.#slowestResumeMs} ms at most`;
    return { tried: this.#refused, failures: this.#failures.slice(0, 20), figure };
  }

  get #connected(): WireClient {
    if (this.#client === undefined) throw new Error('Not connected');
    return this.#client;
  }

  async #fill(cycle: number): Promise<void> {
    let refusals = 0;
    for (let n = 0; refusals < REFUSALS_ENOUGH; n++) {
      const lot = Array.from({ length: IN_FLIGHT }, (_, i) => `c${cycle}-${n}-${i}`);
      const isStored = await Promise.all(lot.map((key) => this.#put(key)));
      refusals = isStored.some(Boolean) ? 0 : refusals + lot.length;
      if (n > 20_000) throw new Error('The disk never got full');
    }
  }

  /** Stores a value; now and then it overwrites an old key, so that there are dead bytes. */
  async #put(fresh: string): Promise<boolean> {
    const known = [...this.#expected.keys()];
    const old = known.length > 0 && this.#random.chance(0.3) ? this.#random.pick(known) : fresh;
    const key = this.#inFlight.has(old) ? fresh : old;
    const name = `${key}.${this.#random.next32()}.`;
    const value = name.padEnd(this.#random.between(100, 30_000), name);
    const before = this.#expected.get(key);
    this.#inFlight.add(key);
    const reply = await this.#connected.line(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
    this.#inFlight.delete(key);
    if (reply === 'STORED') {
      this.#stored += 1;
      this.#expected.set(key, value);
      return true;
    }
    this.#refused += 1;
    if (reply !== REFUSED) this.#failures.push(`set was answered ${reply}`);
    if (before === undefined) this.#refusedKeys.add(key);
    return false;
  }

  async #compareAll(when: string): Promise<void> {
    for (const [key, value] of this.#expected) {
      const reply = await this.#connected.meta(`mg ${key} v\r\n`);
      if (reply === `VA ${value.length}\r\n${value}`) continue;
      this.#failures.push(`${when}: ${key} is lost, it shows ${reply.slice(0, 60)}`);
    }
    for (const key of this.#refusedKeys) {
      const reply = await this.#connected.meta(`mg ${key} v\r\n`);
      if (reply !== 'EN')
        this.#failures.push(`${when}: ${key} was refused and shows ${reply.slice(0, 60)}`);
    }
  }

  async #deleteSome(cycle: number): Promise<void> {
    for (const key of this.#expected.keys()) {
      if (this.#random.chance(0.4)) continue;
      const reply = await this.#connected.line(`delete ${key}\r\n`);
      this.#deleted += 1;
      if (reply === 'DELETED') this.#expected.delete(key);
      else this.#failures.push(`cycle ${cycle}: a delete on a full disk was answered ${reply}`);
    }
  }

  async #compact(when: string): Promise<void> {
    this.#compactions += 1;
    try {
      await askServer(this.#dir, { command: 'compact', everything: true });
    } catch (error) {
      this.#failures.push(`${when}: no compaction: ${String(error)}`);
    }
  }

  async #awaitResume(cycle: number): Promise<void> {
    const startedMs = performance.now();
    while (performance.now() - startedMs < RESUME_MS_MAX) {
      if (await this.#put(`r${cycle}-${this.#random.next32()}`)) {
        const tookMs = Math.round(performance.now() - startedMs);
        this.#slowestResumeMs = Math.max(this.#slowestResumeMs, tookMs);
        return;
      }
      await setTimeout(50);
    }
    this.#failures.push(`cycle ${cycle}: writes did not resume`);
  }
}
