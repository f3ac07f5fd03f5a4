#!/usr/bin/env node
// kv-compact: rewrites what is live and gives the rest of the disk back; itself when no server runs, else
// by asking the running one over its control socket (docs/tools.md).

import { resolve } from 'node:path';

import type { Env } from '../src/env/env.js';
import { nodeEnv } from '../src/env/node-env.js';
import { EXIT, type ExitCode } from '../src/exit-codes.js';
import type { ControlStats } from '../src/store/control-messages.js';
import { requireManifest, StoreReader, type StoreSizes } from '../src/store/store-reader.js';
import { findOwner, type Owner } from './compact/owners.js';
import { toolLogger } from './terminal/logger.js';
import { writeAll } from './terminal/output.js';
import { addExamples, createProgram, runTool } from './terminal/program.js';
import { startProgress } from './terminal/progress.js';
import { countOf, formatBytes, formatCount } from './terminal/quantity.js';
import { renderTable } from './terminal/table.js';

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
    .argument('<dir>', 'data directory; a running server is asked to do it')
    .option('-n, --dry-run', 'only show how much is live and dead; takes no lock')
    .option('--snapshot <file>', 'afterwards export the store as JSON')
    .option('--accept-clock', 'go on although the clock is over a day behind the store')
    .option('--json', 'print the figures as one JSON object');
  addExamples(program, [
    ['kv-compact data', 'compact, whether a server runs or not'],
    ['kv-compact data --dry-run', 'is it worth it?'],
    ['kv-compact data --snapshot backup.json', 'compact and export'],
  ]);
  program.addHelpText(
    'after',
    '\nThe server compacts by itself; this is for the impatient, and for stores without a server.\n' +
      'Exit codes: 0 ok, 64 wrong use, 65 damage found, 66 no such directory or no store, 69 the server\n' +
      'does not answer, 71 the clock is behind the store, 74 I/O.',
  );
  program.parse();
  const [dir = ''] = program.args;
  const options = program.opts<Options>();
  const env = nodeEnv(toolLogger('kv-compact'));
  if (options.dryRun === true) return estimate(env, dir, options);
  // Opening a directory that has no store would make one.
  await requireManifest(env, dir);
  const owner = await findOwner(env, dir, options.acceptClock === true);
  try {
    return await compact(owner, options);
  } finally {
    await owner.close();
  }
}

/** Looks without the lock and changes nothing. */
async function estimate(env: Env, dir: string, options: Options): Promise<ExitCode> {
  const reader = await StoreReader.open(env, dir);
  const now = reader.sizes();
  await reader.close();
  await print([['now', now]], options.json === true);
  return EXIT.ok;
}

async function compact(owner: Owner, options: Options): Promise<ExitCode> {
  const before = sizesOf(await owner.stats());
  await withProgress(owner, before);
  const after = sizesOf(await owner.stats());
  await print(
    [
      ['before', before],
      ['after', after],
    ],
    options.json === true,
  );
  if (options.snapshot !== undefined) {
    const { path, count, seq } = await owner.snapshot(resolve(options.snapshot));
    process.stderr.write(`${countOf(count, 'key')} at seq ${seq} in ${path}\n`);
  }
  return EXIT.ok;
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
): Promise<void> {
  const [first, last] = [named[0]?.[1], named.at(-1)?.[1]];
  const bytesFreed = Math.max(0, (first?.bytes ?? 0) - (last?.bytes ?? 0));
  if (json) {
    const figures = { ...Object.fromEntries(named), ...(named.length > 1 ? { bytesFreed } : {}) };
    await writeAll(process.stdout, `${JSON.stringify(figures)}\n`);
    return;
  }
  const rows = named.map(([name, { segments, bytes, liveBytes, deadBytes }]) => [
    name,
    formatCount(segments),
    formatBytes(bytes),
    formatBytes(liveBytes),
    formatBytes(deadBytes),
  ]);
  const table = await renderTable(rows, ['', 'segments', 'size', 'live', 'dead']);
  await writeAll(process.stdout, `${table}\n`);
  if (named.length > 1) await writeAll(process.stdout, `${formatBytes(bytesFreed)} freed\n`);
}

function sizesOf(stats: ControlStats): StoreSizes {
  return {
    segments: Number(stats['kv_segments'] ?? 0),
    bytes: Number(stats['kv_segment_bytes'] ?? 0),
    liveBytes: Number(stats['kv_live_bytes'] ?? 0),
    deadBytes: Number(stats['kv_dead_bytes'] ?? 0),
  };
}
