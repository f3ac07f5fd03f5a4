// kv-backup while clients go on: the same open loop of GETs and SETs in short slices, without a backup and during
// backups. The backups are made one after the other, each into a new directory: by links, and as an archive that is
// copied and written.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Bench, Case, CaseResult, Running } from '../bench.js';
import { findPeers } from '../figure-case.js';
import { CAIRN } from '../peers/catalog.js';
import { compare, median, rowsOf, sampleOf, type Contender, type Sample } from '../rounds.js';

const KV_BACKUP = fileURLToPath(new URL('../../tools/kv-backup.js', import.meta.url));
const VALUE_BYTES = 1000;
const SLICE_MS = 1000;
const SLICES = { quick: 2, full: 6 };
/** By links where the file system allows them, and as an archive that is copied and written. */
const KINDS = ['--to', '--tar'];
const RATE_PER_SECOND = 2000;
const READ_RATIO = 0.9;
const MB = 1_000_000;
/** No other work runs in the server. */
const QUIET = { flags: ['--compact-min', '1000g', '--snapshot', 'never'] };

/** Makes one backup after the other until stop() is called. */
class Backups {
  readonly #dir: string;
  readonly #kind: string;
  readonly #done: Promise<void>;
  #isStopped = false;
  readonly takenMs: number[] = [];
  archiveBytes = 0;

  constructor(bench: Bench, dir: string, kind: string) {
    this.#dir = dir;
    this.#kind = kind;
    this.#done = this.#run(bench);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(bench: Bench): Promise<void> {
    while (!this.#isStopped) {
      const target = join(bench.freshDir(), 'backup');
      const beganMs = performance.now();
      const args = [KV_BACKUP, join(this.#dir, 'data'), this.#kind, target];
      const child = spawn(process.execPath, args, { stdio: 'ignore' });
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(`kv-backup ended with ${code}`);
      this.takenMs.push(performance.now() - beganMs);
      if (this.#kind === '--tar') this.archiveBytes = statSync(target).size;
    }
  }
}

async function slice(
  bench: Bench,
  running: Running,
  keyCount: number,
  seed: number,
): Promise<Sample> {
  return sampleOf(
    await bench.load(running, {
      keyCount,
      valueBytes: VALUE_BYTES,
      warmupMs: 0,
      durationMs: SLICE_MS,
      seed,
      mode: 'open',
      ratePerSecond: RATE_PER_SECOND,
      readRatio: READ_RATIO,
    }),
  );
}

async function run(bench: Bench): Promise<CaseResult> {
  const test = BACKUP.name;
  const { present, missing } = findPeers(test, [CAIRN]);
  if (present.length === 0) return { rows: missing, comparisons: [] };
  const keyCount = bench.sizes.isQuick ? 50_000 : 1_000_000;
  const slices = bench.sizes.isQuick ? SLICES.quick : SLICES.full;
  const dir = bench.freshDir();
  const running = await bench.start(CAIRN, QUIET, dir);
  await bench.fill(running, keyCount, VALUE_BYTES);
  const rounds = new Map<string, Sample[]>(
    ['without', ...KINDS.map((kind) => `during ${kind}`)].map((server) => [server, []]),
  );
  const takenMs = new Map<string, number[]>(KINDS.map((kind) => [kind, []]));
  let archiveBytes = 0;
  await slice(bench, running, keyCount, 0);
  for (let seed = 1; seed <= slices; seed++) {
    bench.progress(`round ${seed}/${slices}: without a backup`);
    rounds.get('without')!.push(await slice(bench, running, keyCount, seed));
    for (const kind of KINDS) {
      bench.progress(`round ${seed}/${slices}: during ${kind}`);
      const backups = new Backups(bench, dir, kind);
      rounds.get(`during ${kind}`)!.push(await slice(bench, running, keyCount, seed));
      await backups.stop();
      takenMs.get(kind)!.push(...backups.takenMs);
      archiveBytes = Math.max(archiveBytes, backups.archiveBytes);
    }
  }
  for (const kind of KINDS)
    rounds.set(`a backup ${kind}`, [{ value: median(takenMs.get(kind)!) / 1000 }]);
  rounds.set('archive', [{ value: archiveBytes / MB }]);
  const figures = [
    ...KINDS.map((kind) => figureOf(`a backup ${kind}`, 's')),
    figureOf('archive', 'MB'),
  ];
  const loads = ['without', ...KINDS.map((kind) => `during ${kind}`)].map((server) =>
    figureOf(server),
  );
  return {
    rows: [...rowsOf(test, loads, rounds), ...rowsOf(test, figures, rounds)],
    comparisons: KINDS.map((kind) => {
      const spec = {
        metric: 'p99Ms',
        server: `during ${kind}`,
        against: 'without',
        atMost: 2,
      } as const;
      return compare(test, spec, rounds);
    }),
  };
}

function figureOf(server: string, unit?: string): Contender {
  return { server, ...(unit === undefined ? {} : { unit }), measure: async () => ({}) };
}

export const BACKUP: Case = {
  name: 'BACKUP',
  title: 'backups of 1 GB (quick: 50 MB), 1,800 GET/s and 200 SET/s meanwhile',
  run,
};
