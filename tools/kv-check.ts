#!/usr/bin/env node
// kv-check: is every byte of a store as it was written? Reads all of it, beside a running server as well as
// after a stop or a crash; takes no lock and changes nothing (docs/tools.md).

import { nodeEnv } from '../src/env/node-env.js';
import type { ExitCode } from '../src/exit-codes.js';
import { checkStore } from '../src/store/check.js';
import { printReport } from './check/report.js';
import { isServed } from './compact/control-client.js';
import { toolLogger } from './terminal/logger.js';
import { addExamples, createProgram, runTool } from './terminal/program.js';
import { startProgress } from './terminal/progress.js';

interface Options {
  readonly json?: boolean;
}

await runTool('kv-check', main);

async function main(): Promise<ExitCode> {
  const program = createProgram(
    'kv-check',
    'Read every byte of a store and name what is damaged. Takes no lock and changes nothing.',
  )
    .argument('<dir>', 'data directory; a server may be running on it')
    .option('--json', 'print the findings as one JSON object');
  addExamples(program, [
    ['kv-check data', 'is every byte as it was written?'],
    ['kv-check data --json | jq .verdict', 'clean, mendable or damaged'],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: 0 clean, 64 wrong use, 65 damage, 66 no such directory or no store, 74 I/O, 80 no damage,\n' +
      'but a torn tail, leftovers, an unusable hint or snapshot: the next start mends that.',
  );
  program.parse();
  const [dir = ''] = program.args;
  const options = program.opts<Options>();
  return check(dir, options.json === true);
}

async function check(dir: string, asJson: boolean): Promise<ExitCode> {
  const env = nodeEnv(toolLogger('kv-check'));
  const progress = await startProgress('checking', 'bytes', 0);
  try {
    const report = await checkStore(env, dir, {
      isServed: await isServed(dir),
      onProgress: (done, total) => {
        progress.total(total);
        progress.at(done);
      },
    });
    progress.stop();
    return await printReport(dir, report, asJson);
  } finally {
    progress.stop();
  }
}
