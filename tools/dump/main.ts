// kv-dump: a store as JSON; without a lock and without a change, on a running, stopped or crashed
// directory (docs/tools.md).

import { nodeEnv } from '../../src/env/node-env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import type { Moment } from '../../src/offline/past-segments.js';
import type { SnapshotForm } from '../../src/store/snapshot-file/format.js';
import { writeDump } from './write-dump.js';
import type { MomentOptions } from '../terminal/moment.js';
import { toolLogger } from '../terminal/logger.js';
import { addExamples, createProgram, runTool } from '../terminal/program.js';
import { countOf } from '../terminal/quantity.js';

interface Options extends MomentOptions {
  readonly out?: string;
  readonly format: SnapshotForm;
  readonly prefix: string;
  readonly keysOnly?: boolean;
}

await runTool('kv-dump', main);

async function main(): Promise<ExitCode> {
  const { Option } = await import('commander');
  const { addMomentOptions, momentOf } = await import('../terminal/moment.js');
  const program = createProgram(
    'kv-dump',
    'Print a store as JSON. Takes no lock and changes nothing.',
  )
    .argument('<dir>', 'data directory, a server may be running on it; or a backup')
    .option(
      '-o, --out <file>',
      'write there: a file, replaced when all is written, a pipe, a device, - for stdout',
    )
    .addOption(
      new Option('--format <form>', 'json with a checksum, or one object a line')
        .choices(['json', 'ndjson'])
        .default('json'),
    )
    .option('--prefix <text>', 'only keys that begin with it', '')
    .option('--keys-only', 'leave the values out (cannot be loaded)');
  addMomentOptions(program);
  addExamples(program, [
    ['kv-dump data > backup.json', 'everything, at one moment'],
    ['kv-dump data --format ndjson --prefix user: | jq .key', 'some keys'],
    [
      'kv-dump data --before-flush > undo.json',
      'with kv-load: takes a flush_all back (--keep-history)',
    ],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: 0 fine, 64 wrong use, 65 damage found: see kv-check, 66 no such directory, store or moment, 74 I/O.',
  );
  program.parse();
  const [dir = ''] = program.args;
  const options = program.opts<Options>();
  return dump(dir, options, momentOf(options));
}

async function dump(dir: string, options: Options, moment: Moment | undefined): Promise<ExitCode> {
  const { out = '-', format, prefix, keysOnly = false } = options;
  const env = nodeEnv(toolLogger('kv-dump'));
  const wanted = { format, prefix, keysOnly, moment };
  const { count, seq } = await writeDump(env, dir, out, wanted);
  if (options.out !== undefined)
    process.stderr.write(`${countOf(count, 'key')} at seq ${seq} in ${out}\n`);
  return EXIT.ok;
}
