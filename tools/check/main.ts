// kv-check: checks whether every byte of a store is as it was written, and saves what is left of a damaged one. A
// check takes no lock, and never changes the directory (docs/tools.md).

import { nodeEnv } from '../../src/env/node-env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { checkStore } from '../../src/offline/check.js';
import { printReport } from './report.js';
import { isServed } from '../compact/control-client.js';
import { toolLogger } from '../terminal/logger.js';
import { addExamples, createProgram, runTool, ToolError } from '../terminal/program.js';
import { startProgress } from '../terminal/progress.js';
import { refuseStoreUrl } from '../terminal/store-url.js';

interface Options {
  readonly json?: boolean;
  readonly repair?: boolean;
  readonly to?: string;
  readonly dryRun?: boolean;
}

await runTool('kv-check', main);

async function main(): Promise<ExitCode> {
  const program = createProgram(
    'kv-check',
    'Read every byte of a store and name what is damaged; save what is left into a new store.',
  )
    .argument('<dir>', 'data directory, which is never changed; a server may be running on it')
    .option('--repair', 'make a new store of what is left, and say what is lost; no server may run')
    .option('--to <newdir>', 'where the repaired store goes: a new or an empty directory')
    .option('-n, --dry-run', 'with --repair: only say what would be saved and lost')
    .option('--json', 'print the findings as one JSON object');
  addExamples(program, [
    ['kv-check data', 'is every byte as it was written?'],
    ['kv-check data --json | jq .verdict', 'clean, mendable or damaged'],
    ['kv-check data --repair --dry-run', 'what can be saved, what is lost?'],
    ['kv-check data --repair --to data.new', 'save it; then kv-server --data data.new'],
  ]);
  program.addHelpText(
    'after',
    '\nExit codes: of a check, 0 clean, 65 damage, 80 no damage, but a torn tail, leftovers, an unusable hint,\n' +
      'image or snapshot, which the next start mends; of a repair, 0 nothing is lost, 65 something is: it is listed,\n' +
      '75 a server has the directory; of both, 64 wrong use, 66 no such directory or no store, 74 I/O, 77 no permission.',
  );
  program.parse();
  const [dir = ''] = program.args;
  refuseStoreUrl(dir, 'ask its nodes (etcdctl endpoint status, redis-cli --cluster check)');
  const { repair, to, dryRun = false, json = false } = program.opts<Options>();
  if (repair === true) {
    const { repair: run } = await import('./repair.js');
    return run(nodeEnv(toolLogger('kv-check')), dir, { to, dryRun, json });
  }
  if (to !== undefined || dryRun) throw new ToolError(EXIT.usage, '--to and -n go with --repair');
  return check(dir, json);
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
