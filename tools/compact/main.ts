// kv-compact: rewrites the live records of a store and frees the rest of the disk. It does the work itself when no
// server runs; otherwise it asks the server over its control socket (docs/tools.md).

import type { Writable } from 'node:stream';

import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import type { ControlStats } from '../../src/control/messages.js';
import { requireManifest, StoreReader, type StoreSizes } from '../../src/offline/store-reader.js';
import { findOwner, type Owner } from './owners.js';
import { writeDump } from '../dump/write-dump.js';
import { toolLogger } from '../terminal/logger.js';
import { writeAll } from '../terminal/output.js';
import { checkOutput, isStdout } from '../terminal/output-file.js';
import { addExamples, createProgram, runTool } from '../terminal/program.js';
import { startProgress } from '../terminal/progress.js';
import { countOf, formatBytes, formatCount } from '../terminal/quantity.js';
import { refuseStoreUrl } from '../terminal/store-url.js';
import { renderTable } from '../terminal/table.js';

const EVERYTHING = {
  form: { kind: 'snapshot', form: 'json' },
  prefix: '',
  keysOnly: false,
} as const;

interface Options {
  readonly dryRun?: boolean;
  readonly snapshot?: string;
  readonly acceptClock?: boolean;
  readonly json?: boolean;
}

await runTool('kv-compact', main);

async function main(): Promise<ExitCode> {
  const program = createProgram(
    'kv-compact',
    'Rewrite the live records of a store and give the rest of the disk back.',
  )
    .argument('<dir>', 'data directory; a server that runs on it does the work')
    .option('-n, --dry-run', 'only show how much is live and dead; takes no lock')
    .option('--snapshot <file>', 'afterwards export the store as JSON, as kv-dump --out does')
    .option('--accept-clock', 'go on although the clock is over a day behind the store')
    .option('--json', 'print the figures as one JSON object');
  addExamples(program, [
    ['kv-compact data', 'compact, whether a server runs or not'],
    ['kv-compact data --dry-run', 'is it worth it?'],
    ['kv-compact data --snapshot backup.json', 'compact and export'],
  ]);
  program.addHelpText(
    'after',
    '\nThe server compacts by itself; use this to do it at once, or for a store without a server.\n' +
      'Exit codes: 0 ok, 64 wrong use, 65 damage found, 66 no such directory or no store, 69 the server\n' +
      'does not answer, 71 the clock is behind the store, 74 I/O or no room, 77 no permission.',
  );
  program.parse();
  const [dir = ''] = program.args;
  refuseStoreUrl(
    dir,
    'a server over etcd forgets old revisions by itself, and Redis rewrites its log',
  );
  const options = program.opts<Options>();
  const env = nodeEnv(toolLogger('kv-compact'));
  if (options.dryRun === true) return estimate(env, dir, options);
  // openStore() would make a store in a directory that has none.
  await requireManifest(env, dir);
  const { snapshot } = options;
  if (snapshot !== undefined) await checkOutput(env.fs, snapshot, dir);
  const figuresTo =
    snapshot !== undefined && (await isStdout(snapshot)) ? process.stderr : process.stdout;
  const owner = await findOwner(env, dir, options.acceptClock === true);
  try {
    await compact(owner, options, figuresTo);
  } finally {
    await owner.close();
  }
  if (snapshot !== undefined) {
    const { count, seq } = await writeDump(env, dir, snapshot, EVERYTHING);
    process.stderr.write(`${countOf(count, 'key')} at seq ${seq} in ${snapshot}\n`);
  }
  return EXIT.ok;
}

/** Estimates without the lock, and changes nothing. */
async function estimate(env: Env, dir: string, options: Options): Promise<ExitCode> {
  const reader = await StoreReader.open(env, dir);
  const now = reader.sizes();
  await reader.close();
  await print([['now', now]], options.json === true, process.stdout);
  return EXIT.ok;
}

async function compact(owner: Owner, options: Options, figuresTo: Writable): Promise<void> {
  const before = sizesOf(await owner.stats());
  await withProgress(owner, before);
  const after = sizesOf(await owner.stats());
  await print(
    [
      ['before', before],
      ['after', after],
    ],
    options.json === true,
    figuresTo,
  );
}

async function withProgress(owner: Owner, before: StoreSizes): Promise<void> {
  const progress = await startProgress('compacting', 'bytes', before.bytes);
  try {
    await owner.compact(({ done, total }) => {
      progress.total(total);
      progress.at(done);
    });
  } finally {
    progress.stop();
  }
}

async function print(
  named: readonly (readonly [string, StoreSizes])[],
  json: boolean,
  to: Writable,
): Promise<void> {
  const [first, last] = [named[0]?.[1], named.at(-1)?.[1]];
  const bytesFreed = Math.max(0, (first?.bytes ?? 0) - (last?.bytes ?? 0));
  if (json) {
    const figures = { ...Object.fromEntries(named), ...(named.length > 1 ? { bytesFreed } : {}) };
    await writeAll(to, `${JSON.stringify(figures)}\n`);
    return;
  }
  const table = await renderTable(rowsOf(named.map(([, sizes]) => sizes)), [
    '',
    ...named.map(([name]) => name),
  ]);
  await writeAll(to, `${table}\n`);
  if (named.length > 1) await writeAll(to, `${formatBytes(bytesFreed)} freed\n`);
}

/** Exact numbers, which visibly add up: the last row is the sum of the three rows above it. */
function rowsOf(all: readonly StoreSizes[]): string[][] {
  const row = (label: string, of: (sizes: StoreSizes) => number): string[] => [
    label,
    ...all.map((sizes) => formatCount(of(sizes))),
  ];
  return [
    row('segments', ({ segments }) => segments),
    row('live bytes', ({ liveBytes }) => liveBytes),
    row('dead bytes', ({ deadBytes }) => deadBytes),
    row('headers and marks', ({ bytes, liveBytes, deadBytes }) => bytes - liveBytes - deadBytes),
    row('size in bytes', ({ bytes }) => bytes),
  ];
}

function sizesOf(stats: ControlStats): StoreSizes {
  return {
    segments: Number(stats['kv_segments'] ?? 0),
    bytes: Number(stats['kv_segment_bytes'] ?? 0) + Number(stats['kv_large_bytes'] ?? 0),
    liveBytes: Number(stats['kv_live_bytes'] ?? 0),
    deadBytes: Number(stats['kv_dead_bytes'] ?? 0),
  };
}
