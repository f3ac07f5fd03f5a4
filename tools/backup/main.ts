// kv-backup: backs up the state of a store at one seq, into a backup directory or a tar archive. The store may be
// running, stopped or crashed; kv-backup takes no lock and changes nothing in it (docs/tools.md).

import { basename, dirname } from 'node:path';
import { setPriority } from 'node:os';

import { duration } from '../../src/config/values.js';
import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { CONTROL_NAME } from '../../src/log/bytes/file-names.js';
import { toolLogger } from '../terminal/logger.js';
import { addExamples, createProgram, runTool, ToolError } from '../terminal/program.js';
import { refuseStoreUrl } from '../terminal/store-url.js';
import { backUpEvery, backUpOnce, verify } from './rounds.js';

interface Options {
  readonly to?: string;
  readonly tar?: string;
  readonly every?: number;
  readonly keep?: number;
  readonly verify?: boolean;
}

/** Rounds begin at least this long after each other. */
const EVERY_MIN_MS = 1000;
/** The server comes first: beside a busy one, kv-backup gets about a tenth of the processor. */
const NICENESS = 10;

await runTool('kv-backup', main);

async function main(): Promise<ExitCode> {
  const { Option } = await import('commander');
  const program = createProgram(
    'kv-backup',
    'Back a store up while it serves. Takes no lock and changes nothing in it.',
  )
    .argument(
      '[store]',
      'data directory, or the control socket in it; a server may be running on it',
    )
    .option('--to <dir>', 'backup directory: new, empty, or with backups of that store')
    .addOption(
      new Option(
        '--tar <file>',
        'write a tar archive of the newest state instead; - for stdout',
      ).conflicts(['to', 'every', 'keep', 'verify']),
    )
    .addOption(
      new Option(
        '--every <time>',
        'run as a service that makes a round after each such time',
      ).argParser(duration(EVERY_MIN_MS)),
    )
    .addOption(
      new Option('--keep <time>', 'remove files that only older moments need').argParser(
        duration(0),
      ),
    )
    .option('--verify', 'read everything back and compare it; without a store, do only that');
  addExamples(program, [
    ['kv-backup data --to /backup/data', 'the first copies all, the next ones what is new'],
    ['kv-backup data --to /backup/data --every 10s --keep 7d', 'until SIGTERM'],
    ['kv-backup --to /backup/data --verify', 'is every byte as it was backed up?'],
    ['kv-backup data --tar - | ssh host "cat > data.tar"', 'into a pipe'],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: 0 fine, 64 wrong use, or the directory holds something else, 65 damage found, 66 no such\n' +
      'directory, store or backup, 74 I/O or no room, 75 another backup is being made there, 77 no permission.',
  );
  program.parse();
  refuseStoreUrl(
    program.args[0] ?? '',
    'kv-dump <host:port of a server over it>, or etcdctl snapshot save, or the files of each Redis master',
  );
  return run(nodeEnv(toolLogger('kv-backup')), program.args[0], program.opts<Options>());
}

async function run(env: Env, store: string | undefined, options: Options): Promise<ExitCode> {
  const { to, tar, every, keep = Infinity } = options;
  setPriority(NICENESS);
  if (tar !== undefined) {
    const { backUpToTar } = await import('./tar.js');
    return backUpToTar(env, dirOf(required(store)), tar);
  }
  if (to === undefined) throw new ToolError(EXIT.usage, 'Say where: --to <dir>, or --tar <file>');
  if (store === undefined) {
    if (options.verify !== true || every !== undefined || options.keep !== undefined)
      required(store);
    return verify(env, to);
  }
  const task = { dir: dirOf(store), to, keepMs: keep, verify: options.verify === true };
  return every === undefined ? backUpOnce(env, task) : backUpEvery(env, task, every);
}

function required(store: string | undefined): string {
  if (store !== undefined) return store;
  throw new ToolError(EXIT.usage, 'Say what to back up: a data directory');
}

/** Returns the data directory; a control socket stands for the directory that it lies in. */
function dirOf(store: string): string {
  return basename(store) === CONTROL_NAME ? dirname(store) : store;
}
