// Compaction of a log that is half dead, while clients go on: the same loads in short slices, without and with a
// compaction. GET is an open loop, so that a pause of the server shows in all requests that it held up.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Bench, Case, CaseResult, Running } from '../bench.js';
import { budget, findPeers } from '../figure-case.js';
import type { LoadSpec } from '../load/spec.js';
import { CAIRN } from '../peers/catalog.js';
import { exchange } from '../peers/process.js';
import { alternate, compare, rowsOf, sampleOf, type Contender, type Sample } from '../rounds.js';

const VALUE_BYTES = 1000;
const SLICE_MS = 400;
const IDLE_SLICES = 6;
const POLL_MS = 20;
/** Without a temporary file for this long, the compaction is over, and not only between two runs. */
const QUIET_MS = 1500;
/** The server looks for segments to compact every 5 s. */
const START_TIMEOUT_MS = 20_000;
const PAUSE_MS_MAX = 50;
const MB_A_SECOND_MIN = 100;
const MB = 1_000_000;
/**
 * The output of a compaction until it is whole. A segment of the first generation, 0000, is the successor of the
 * active one.
 */
const BEING_WRITTEN = /-(?!0000)\d+\.seg\.cairn-[0-9a-f]+\.tmp$/;

const NEVER = { flags: ['--compact-min', '1000g', '--snapshot', 'never'] };
const SOON = {
  flags: ['--compact-min', '1m', '--compact-ratio', '0.4', '--snapshot', 'never'],
};

/** Watches a data directory for the file that a compaction writes. */
class CompactionWatch {
  readonly #dir: string;
  readonly #timer: NodeJS.Timeout;
  startedAt: number | undefined;
  lastSeenAt = 0;

  constructor(dir: string) {
    this.#dir = dir;
    this.#timer = setInterval(() => this.#look(), POLL_MS);
  }

  #look(): void {
    const isBusy = readdirSync(this.#dir).some((name) => BEING_WRITTEN.test(name));
    if (!isBusy) return;
    this.lastSeenAt = performance.now();
    this.startedAt ??= this.lastSeenAt;
  }

  get isRunning(): boolean {
    return this.startedAt !== undefined && performance.now() - this.lastSeenAt < QUIET_MS;
  }

  async started(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (this.startedAt === undefined) {
      if (performance.now() > deadline) throw new Error('no compaction began');
      await new Promise((resolve) => {
        setTimeout(resolve, POLL_MS);
      });
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Returns the bytes of the segments that compactions have read since the start. */
async function compactedBytes(running: Running): Promise<number> {
  const stats = await exchange(running.process.port, 'stats\r\n', 'END\r\n');
  return Number(/^STAT kv_compacted_bytes (\d+)/m.exec(stats ?? '')?.[1] ?? NaN);
}

interface Slices {
  readonly get: Sample[];
  readonly set: Sample[];
}

/** Measures one slice of each load. */
async function measureSlices(
  bench: Bench,
  running: Running,
  keyCount: number,
  slices: Slices,
): Promise<void> {
  const shared: Partial<LoadSpec> = {
    keyCount,
    valueBytes: VALUE_BYTES,
    warmupMs: 0,
    durationMs: SLICE_MS,
    seed: slices.get.length + 1,
  };
  const open = { mode: 'open', ratePerSecond: 2000, readRatio: 1 } as const;
  slices.get.push(sampleOf(await bench.load(running, { ...shared, ...open })));
  slices.set.push(sampleOf(await bench.load(running, { ...shared, readRatio: 0 })));
}

async function run(bench: Bench): Promise<CaseResult> {
  const test = COMPACTION.name;
  const { present, missing } = findPeers(test, [CAIRN]);
  if (present.length === 0) return { rows: missing, comparisons: [] };
  const keyCount = bench.sizes.isQuick ? 200_000 : 1_000_000;
  const dir = bench.freshDir();
  const idle: Slices = { get: [], set: [] };
  const busy: Slices = { get: [], set: [] };
  const before = await bench.start(CAIRN, NEVER, dir);
  await bench.fill(before, keyCount, VALUE_BYTES);
  await bench.fill(before, keyCount / 2, VALUE_BYTES, 2);
  for (let slice = 0; slice < IDLE_SLICES; slice++) {
    bench.progress(`without compaction, slice ${slice + 1}`);
    await measureSlices(bench, before, keyCount, idle);
  }
  await bench.stop(before);
  const during = await bench.start(CAIRN, SOON, dir);
  // The server must be as warm as the first one before it has anything to compact.
  await measureSlices(bench, during, keyCount, { get: [], set: [] });
  const watch = new CompactionWatch(join(dir, 'data'));
  try {
    await watch.started();
    while (watch.isRunning) {
      bench.progress(`during compaction, slice ${busy.get.length + 1}`);
      await measureSlices(bench, during, keyCount, busy);
    }
  } finally {
    watch.stop();
  }
  const seconds = (watch.lastSeenAt - watch.startedAt!) / 1000;
  return resultOf(test, idle, busy, (await compactedBytes(during)) / MB / seconds);
}

async function resultOf(
  test: string,
  idle: Slices,
  busy: Slices,
  mbPerSecond: number,
): Promise<CaseResult> {
  const longestMs = Math.max(...busy.get.map(({ maxMs }) => maxMs ?? 0));
  const figures: Contender[] = [
    { server: 'compaction', unit: 'MB/s', measure: async () => ({ value: mbPerSecond }) },
    { ...budget(MB_A_SECOND_MIN, 'MB/s'), server: 'budget, MB/s' },
    { server: 'longest GET', unit: 'ms', measure: async () => ({ value: longestMs }) },
    { ...budget(PAUSE_MS_MAX, 'ms'), server: 'budget, ms' },
  ];
  const slices = new Map<string, readonly Sample[]>([
    ['GET without', idle.get],
    ['GET during', busy.get],
    ['SET without', idle.set],
    ['SET during', busy.set],
  ]);
  const loads = [...slices.keys()].map((server) => ({ server, measure: async () => ({}) }));
  const rounds = new Map([...slices, ...(await alternate(figures, 1))]);
  const ratio = (
    metric: 'p99Ms' | 'rps' | 'value',
    server: string,
    against: string,
    bound: object,
  ) => compare(test, { metric, server, against, ...bound }, rounds);
  return {
    rows: [...rowsOf(test, loads, rounds), ...rowsOf(test, figures, rounds)],
    comparisons: [
      ratio('p99Ms', 'GET during', 'GET without', { atMost: 2 }),
      ratio('rps', 'SET during', 'SET without', { atLeast: 0.7 }),
      ratio('value', 'longest GET', 'budget, ms', { atMost: 1 }),
      ratio('value', 'compaction', 'budget, MB/s', { atLeast: 1 }),
    ],
  };
}

export const COMPACTION: Case = {
  name: 'COMPACTION',
  title: 'compaction of 1 GB half dead (quick: 200 MB), under load',
  run,
};
