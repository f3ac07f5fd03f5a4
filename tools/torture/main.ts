// kv-torture: tests durability on the user's own disk. Runs a server in a new directory, kills it again and again
// under load, and compares its items with a ledger of the acknowledged writes (docs/reliability.md).
// Invariant: nothing that was in the directory before is read or changed.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Option } from 'commander';

import { count, duration, size } from '../../src/config/values.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { coloursFor } from '../terminal/colour.js';
import { writeAll } from '../terminal/output.js';
import { addExamples, createProgram, runTool, ToolError } from '../terminal/program.js';
import { startProgress } from '../terminal/progress.js';
import { refuseStoreUrl } from '../terminal/store-url.js';
import { crashLoop, type CrashReport } from './crash-loop.js';
import { doubtsOf, measureDisk } from './disk.js';
import { ServerRefusal } from './load.js';
import { brokenPromises, composeJson, composeText } from './report.js';
import { cairnLaunch, ServerFailure } from './server-process.js';

interface Options {
  readonly kills?: number;
  readonly seconds?: number;
  readonly connections: number;
  readonly valueSize: number;
  readonly life: number;
  readonly seed: number;
  readonly keep?: boolean;
  readonly json?: boolean;
}

const KILLS_DEFAULT = 100;
const START_TIMEOUT_MS = 60_000;
/** Segments are small, so that rotation, hints and compaction are under way at the time of a kill. */
const SERVER_ARGS = ['--segment-size', '1m', '--compact-min', '512k', '--compact-ratio', '0.2'];

const EXPLANATION = `
A run without a loss proves that a start after kill -9 finds every acknowledged write and every value that
was shown, and nothing else. It proves that the lock goes with its process, and that half a batch is
dropped. It cannot prove that the disk keeps what it says it has, because the system's memory outlives a
killed process. The time of a sync is a hint: kv-torture warns when it is too short to be true.

Environment: NO_COLOR, FORCE_COLOR and TERM as usual. CAIRN_* do not reach the server under test.
Exit codes: 0 nothing lost, 64 wrong use, 65 something lost, invented or answered wrongly, or the server
did not start again (the directory is kept then), 66 no such directory, 74 I/O or no room, 77 no permission.
Ctrl-C prints what was found so far and ends with that signal.`;

let interruptedBy: NodeJS.Signals | undefined;

await runTool('kv-torture', main);
// The tool ends like every program that a signal ends, so that its parent process sees that it was not done.
if (interruptedBy !== undefined && process.exitCode === EXIT.ok) {
  process.kill(process.pid, interruptedBy);
}

async function main(): Promise<ExitCode> {
  const program = createProgram(
    'kv-torture',
    'Kill a server under load again and again, on your disk, and count what was lost.',
  )
    .argument('<dir>', 'parent of a new directory, which is removed afterwards')
    .argument('[server-flags...]', 'after --: flags for the server')
    .optionsGroup('How long:')
    .option('--kills <n>', `number of kills (default: ${KILLS_DEFAULT})`, count(1, 10_000_000))
    .option('--seconds <n>', 'or for this many seconds', count(1, 10_000_000))
    .optionsGroup('Load:')
    .option('--connections <n>', 'connections that write; one more reads', count(1, 200), 5)
    .addOption(
      new Option('--value-size <size>', 'largest value, up to 900k')
        .argParser(size(1, 900 * 1024))
        .default(4096, '4k'),
    )
    .addOption(
      new Option('--life <time>', 'longest time between two kills')
        .argParser(duration(0))
        .default(300, '300ms'),
    )
    .addOption(
      new Option('--seed <n>', 'chooses the writes and the moments of the kills')
        .argParser(count(0, Number.MAX_SAFE_INTEGER))
        .default(Date.now() % 1_000_000_000, 'drawn and printed'),
    )
    .optionsGroup('Result:')
    .option('--keep', 'leave the data directory there')
    .option('--json', 'print the figures as one JSON object');
  addExamples(program, [
    ['kv-torture /var/lib', '100 kills on the disk of /var/lib'],
    ['kv-torture . --seconds 3600 --value-size 100k', 'an hour, larger values'],
    ['kv-torture . --seed 7 --keep', 'the same writes again, and look at the data'],
    ['kv-torture . --kills 20 -- --segment-size 64m', 'with flags for the server'],
  ]);
  program.addHelpText('after', EXPLANATION);
  program.parse();
  const [dir = '', ...serverFlags] = program.args;
  refuseStoreUrl(dir, 'npm run reliability kills the nodes of clusters that it starts');
  return torture(dir, serverFlags, program.opts<Options>());
}

async function torture(
  parent: string,
  serverFlags: readonly string[],
  options: Options,
): Promise<ExitCode> {
  const dir = await mkdtemp(join(parent, 'cairn-torture-'));
  let keep = options.keep === true;
  try {
    const disk = await measureDisk(dir);
    const report = await kill(join(dir, 'data'), serverFlags, options);
    const compose = options.json === true ? composeJson : composeText;
    await writeAll(process.stdout, await compose(report, disk));
    const yellow = coloursFor(process.stderr).yellow;
    for (const doubt of doubtsOf(disk)) process.stderr.write(`${yellow(`Warning: ${doubt}`)}\n`);
    if (brokenPromises(report).length === 0) return EXIT.ok;
    keep = true;
    return EXIT.damage;
  } catch (error) {
    keep ||= error instanceof ServerFailure && error.code !== EXIT.usage;
    throw failureOf(error);
  } finally {
    if (keep) process.stderr.write(`The data is in ${dir}\n`);
    else await rm(dir, { recursive: true, force: true });
  }
}

/** Runs the loop until it is done or a signal comes, with a progress bar on a terminal. */
async function kill(
  data: string,
  serverFlags: readonly string[],
  { kills, seconds, connections, valueSize, life, seed }: Options,
): Promise<CrashReport> {
  const stop = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => {
    // A second signal ends the tool at once: the server ends with this process, and the directory stays.
    if (interruptedBy !== undefined) process.exit(EXIT.bug);
    interruptedBy = signal;
    stop.abort();
  };
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, interrupt);
  const timer = setTimeout(() => stop.abort(), Math.min((seconds ?? 0) * 1000, 2 ** 31 - 1));
  if (seconds === undefined) clearTimeout(timer);
  const killsMax = kills ?? (seconds === undefined ? KILLS_DEFAULT : Infinity);
  const inKills = Number.isFinite(killsMax);
  const bar = inKills
    ? await startProgress('killing', 'kills', killsMax)
    : await startProgress('killing', 'seconds', seconds ?? 0);
  const startedMs = performance.now();
  try {
    return await crashLoop({
      launch: {
        ...cairnLaunch(data, [...SERVER_ARGS, ...serverFlags]),
        env: Object.fromEntries(ownVariables().map((name) => [name, undefined])),
        startTimeoutMs: START_TIMEOUT_MS,
        ownGroup: true,
      },
      kills: killsMax,
      seed,
      valueBytesMax: valueSize,
      lifeMsMax: life,
      writers: connections,
      signal: stop.signal,
      progress: (done) =>
        bar.at(inKills ? done : Math.floor((performance.now() - startedMs) / 1000)),
    });
  } finally {
    bar.stop();
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, interrupt);
  }
}

function ownVariables(): string[] {
  return Object.keys(process.env).filter((name) => name.startsWith('CAIRN_'));
}

/** Returns the failure with the exit code for the user. */
function failureOf(error: unknown): unknown {
  if (error instanceof ServerRefusal) {
    return new ToolError(EXIT.io, `The server refused a request: ${error.message}`, error);
  }
  if (!(error instanceof ServerFailure)) return error;
  const known = Object.values(EXIT).find((code) => code === error.code && code !== EXIT.ok);
  return new ToolError(known ?? EXIT.damage, error.message.trimEnd(), error);
}
