// kv-restore: makes a new store from a backup, or from a store's own history, as it was at one moment
// (docs/tools.md).

import type { Env } from '../../src/env/env.js';
import { fullDiskFailure } from '../../src/env/file-failure.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { openReader } from '../../src/offline/backup/backup-reader.js';
import { restore, type RestoreReport } from '../../src/offline/backup/restore.js';
import type { Moment } from '../../src/offline/past-segments.js';
import type { StoreReader } from '../../src/offline/store-reader.js';
import { toolLogger } from '../terminal/logger.js';
import type { MomentOptions } from '../terminal/moment.js';
import { emptyTarget, writeNewStore } from '../terminal/new-store.js';
import { addExamples, createProgram, runTool } from '../terminal/program.js';
import { startProgress } from '../terminal/progress.js';
import { countOf } from '../terminal/quantity.js';
import { refuseStoreUrl } from '../terminal/store-url.js';

interface Options extends MomentOptions {
  readonly to: string;
}

await runTool('kv-restore', main);

async function main(): Promise<ExitCode> {
  const { addMomentOptions, momentOf } = await import('../terminal/moment.js');
  const program = createProgram(
    'kv-restore',
    'Make a new store of a backup, or of the past of a store, as it was at one moment.',
  )
    .argument('<backup>', 'backup directory, or a data directory; it is only read')
    .requiredOption('--to <dir>', 'where the new store goes: a new or an empty directory');
  addMomentOptions(program);
  addExamples(program, [
    ['kv-restore /backup/data --to data', 'the newest state'],
    ['kv-restore /backup/data --at "2026-11-29 03:00" --to data', 'as it was then'],
    ['kv-restore data --before-flush --to undo', 'takes a flush_all back (--keep-history)'],
  ]);
  program.addHelpText(
    'after',
    '\nThe new store is read back before it gets its place.\n' +
      'Exit codes: 0 fine, 64 wrong use, or the directory is not empty, 65 damage found, 66 no such directory,\n' +
      'store or moment, 74 I/O or no room, 77 no permission.',
  );
  program.parse();
  const [source = ''] = program.args;
  refuseStoreUrl(source, 'kv-load <host:port of a server over it> <dump> puts a dump into it');
  const options = program.opts<Options>();
  return run(nodeEnv(toolLogger('kv-restore')), source, options.to, momentOf(options));
}

async function run(
  env: Env,
  source: string,
  to: string,
  moment: Moment | undefined,
): Promise<ExitCode> {
  const target = await emptyTarget(env, source, to);
  const reader = await openReader(env, source, moment);
  let report: RestoreReport | undefined;
  try {
    await writeNewStore(env, target, async (folder) => {
      report = await written(env, reader, folder);
    });
  } catch (error) {
    throw fullDiskFailure('Nothing was restored', to, error);
  } finally {
    await reader.close();
  }
  const { keys = 0, seq = 0, timeMs = 0 } = report ?? {};
  process.stderr.write(
    `${countOf(keys, 'key')} at seq ${seq}, as of ${new Date(timeMs).toISOString()}, in ${to}, read back and found whole\n` +
      `Next: kv-server --data ${to}\n`,
  );
  return EXIT.ok;
}

async function written(env: Env, reader: StoreReader, folder: string): Promise<RestoreReport> {
  const progress = await startProgress('restoring', 'keys', reader.count());
  try {
    return await restore(env, reader, folder, (keys) => progress.at(keys));
  } finally {
    progress.stop();
  }
}
