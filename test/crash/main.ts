// `npm run crash -- --kills 200 --seed 7`: the SIGKILL loop for as long as one likes. Prints one line a
// kill on a terminal, the report at the end; exit 1 when anything was lost or invented.

import { rmSync } from 'node:fs';
import { Command } from 'commander';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { crashLoop, summary } from '../../tools/torture/crash-loop.js';

interface Flags {
  readonly kills: string;
  readonly seed: string;
  readonly valueBytes: string;
  readonly lifeMs: string;
  readonly data?: string;
}

const program = new Command('crash')
  .description('Kills a server under load over and over and counts what was lost or invented.')
  .option('--kills <n>', 'how often', '200')
  .option('--seed <n>', 'the same seed chooses the same writes', String(Date.now() % 1_000_000_000))
  .option('--value-bytes <n>', 'largest value', '4000')
  .option('--life-ms <n>', 'longest life between two kills', '300')
  .option('--data <dir>', 'an empty data directory to use and keep')
  .argument('[server flags...]', 'passed to the server, after --')
  .parse();
const flags = program.opts<Flags>();
const dir = flags.data ?? temporaryFolder();

const report = await crashLoop({
  launch: cairnLaunch(dir, program.args),
  kills: Number(flags.kills),
  seed: Number(flags.seed),
  valueBytesMax: Number(flags.valueBytes),
  lifeMsMax: Number(flags.lifeMs),
  progress: (kills, findings) => {
    if (!process.stderr.isTTY) return;
    process.stderr.write(`\r${kills} kills, ${findings.acknowledged} writes acknowledged`);
  },
});
if (process.stderr.isTTY) process.stderr.write('\n');
process.stdout.write(`${summary(report)}\n`);
for (const finding of [...report.lost, ...report.invented, ...report.wrongReplies]) {
  process.stdout.write(`${finding}\n`);
  process.exitCode = 1;
}
if (flags.data === undefined) rmSync(dir, { recursive: true, force: true });
