#!/usr/bin/env node
// kv-dump: a store as JSON; without a lock and without a change, on a running, stopped or crashed
// directory (docs/tools.md).

import { nodeEnv } from '../src/env/node-env.js';
import { EXIT, type ExitCode } from '../src/exit-codes.js';
import { SnapshotComposer, type SnapshotForm } from '../src/store/snapshot-format.js';
import type { SnapshotItem } from '../src/store/snapshot-writer.js';
import { composeSnapshot, writeSnapshotFile } from '../src/store/snapshot-writer.js';
import { StoreReader } from '../src/store/store-reader.js';
import { toolLogger } from './terminal/logger.js';
import { writeAll } from './terminal/output.js';
import { addExamples, createProgram, runTool } from './terminal/program.js';
import { startProgress, type Progress } from './terminal/progress.js';
import { countOf } from './terminal/quantity.js';

interface Options {
  readonly out?: string;
  readonly format: SnapshotForm;
  readonly prefix: string;
  readonly keysOnly?: boolean;
}

await runTool('kv-dump', main);

async function main(): Promise<ExitCode> {
  const { Option } = await import('commander');
  const program = createProgram(
    'kv-dump',
    'Print a store as JSON. Takes no lock and changes nothing.',
  )
    .argument('<dir>', 'data directory; a server may be running on it')
    .option('-o, --out <file>', 'write to a file, replaced as a whole when all is written')
    .addOption(
      new Option('--format <form>', 'json with a checksum, or one object a line')
        .choices(['json', 'ndjson'])
        .default('json'),
    )
    .option('--prefix <text>', 'only keys that begin with it', '')
    .option('--keys-only', 'leave the values out (cannot be loaded)');
  addExamples(program, [
    ['kv-dump data > backup.json', 'everything, at one moment'],
    ['kv-dump data --format ndjson --prefix user: | jq .key', 'some keys'],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: 0 fine, 64 wrong use, 65 damage found: see kv-check, 66 no such directory or no store, 74 I/O.',
  );
  program.parse();
  const [dir = ''] = program.args;
  const options = program.opts<Options>();
  return dump(dir, options);
}

async function dump(dir: string, options: Options): Promise<ExitCode> {
  const env = nodeEnv(toolLogger('kv-dump'));
  const prefix = Buffer.from(options.prefix);
  const reader = await StoreReader.open(env, dir);
  const count = reader.count(prefix);
  const header = { seq: reader.seq, createdAt: env.clock.wallMs() };
  // On a terminal stdout shows the dump itself: a bar would only break its lines.
  const shown = options.out !== undefined || !process.stdout.isTTY;
  const progress = await startProgress('dumping', 'keys', count, shown);
  const items = watched(reader.items(prefix), options.keysOnly === true, progress);
  try {
    if (options.out !== undefined) {
      const report = await writeSnapshotFile(env.fs, options.out, options.format, header, items);
      progress.stop();
      process.stderr.write(
        `${countOf(report.count, 'key')} at seq ${report.seq} in ${options.out}\n`,
      );
      return EXIT.ok;
    }
    const composer = new SnapshotComposer(options.format);
    for await (const chunk of composeSnapshot(composer, { ...header, count }, items))
      await writeAll(process.stdout, chunk);
    return EXIT.ok;
  } finally {
    progress.stop();
    await reader.close();
  }
}

async function* watched(
  items: AsyncIterable<SnapshotItem>,
  keysOnly: boolean,
  progress: Progress,
): AsyncGenerator<SnapshotItem> {
  let done = 0;
  for await (const item of items) {
    yield keysOnly ? { ...item, value: undefined } : item;
    done += 1;
    if (done % 1000 === 0) progress.at(done);
  }
}
