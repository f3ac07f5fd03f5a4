// `npm run bench`: measures Cairn and its peers in one run on this machine, and writes benchmarks/results/.
// benchmarks/README.md explains the results.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { makeDir } from '../src/env/adopt.js';
import { Bench, FULL, QUICK, type Case, type Sizes } from './bench.js';
import { callTable, functionLists, measureCalls } from './calls/calls.js';
import { CASES } from './cases/catalog.js';
import { cairn, CAIRN_BEFORE } from './peers/catalog.js';
import { killAll } from './peers/process.js';
import { caseTables, writeResults, type RunReport } from './report.js';
import type { CaseReport } from './rounds.js';
import { chooseWorkDir } from './work-dir.js';
import { endOnFailingOutput } from '../tools/terminal/output.js';

interface Flags {
  readonly quick?: boolean;
  readonly dir?: string;
  readonly out: string;
  readonly case?: readonly string[];
  readonly without?: readonly string[];
  readonly rounds?: string;
  readonly seconds?: string;
  readonly list?: boolean;
  readonly calls?: boolean;
  readonly functions?: boolean;
  readonly before?: string;
}

const RESULTS_DIR = fileURLToPath(new URL('../../benchmarks/results', import.meta.url));
const GIB = 1024 ** 3;

function parseFlags(): Flags {
  return new Command('bench')
    .description('Measures Cairn beside memcached, Redis and others, in one run.')
    .option('--quick', 'short rounds and small data: under three minutes, figures are rough')
    .option('--case <text...>', 'only cases whose name contains one of these')
    .option('--without <text...>', 'no cases whose name contains one of these')
    .option('--dir <path>', 'where the servers keep their data; must lie on a disk')
    .option('--out <path>', 'where the results go', RESULTS_DIR)
    .option('--rounds <n>', 'rounds per case')
    .option(
      '--seconds <n>',
      'measured time of each round of each server; the unmeasured time shrinks with it',
    )
    .option('--list', 'print the names of the cases')
    .option('--calls', 'only print the files, functions and calls that a request enters')
    .option('--functions', 'with --calls: which functions of which files those are')
    .option('--before <path>', 'the kv-server.js of another build, to measure too')
    .parse()
    .opts<Flags>();
}

function sizesOf({ quick, rounds, seconds }: Flags): Sizes {
  const base = quick === true ? QUICK : FULL;
  const durationMs = seconds === undefined ? base.durationMs : Number(seconds) * 1000;
  const share = Math.min(1, durationMs / base.durationMs);
  return {
    ...base,
    rounds: rounds === undefined ? base.rounds : Number(rounds),
    heatUpMs: base.heatUpMs * share,
    warmupMs: base.warmupMs * share,
    durationMs,
  };
}

function holdsOneOf({ name }: Case, parts: readonly string[]): boolean {
  return parts.some((part) => name.toLowerCase().includes(part.toLowerCase()));
}

function chosenCases({ case: asked, without = [] }: Flags): readonly Case[] {
  const chosen = CASES.filter(
    (each) => (asked === undefined || holdsOneOf(each, asked)) && !holdsOneOf(each, without),
  );
  if (chosen.length === 0) throw new Error('no case has such a name: see --list');
  return chosen;
}

function machine(): Record<string, string | number> {
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / GIB),
    kernel,
    node: process.version,
  };
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

async function runCase(chosen: Case, bench: Bench): Promise<CaseReport> {
  const startedAt = performance.now();
  const { name, title } = chosen;
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  try {
    const { rows, comparisons } = await chosen.run(bench);
    return { name, title, seconds: seconds(), rows, comparisons };
  } catch (error) {
    // A failing server must not end the other cases; the exit code reports it.
    const failure = `failed: ${(error as Error).message}`;
    const rows = [{ test: name, server: 'cairn', sample: {}, note: failure }];
    return { name, title, seconds: seconds(), rows, comparisons: [], failure };
  } finally {
    await bench.cleanUp();
    progress('');
  }
}

async function printCalls(flags: Flags): Promise<void> {
  const dir = mkdtempSync(join(chooseWorkDir(flags.dir, join(flags.out, 'work')), 'cairn-calls-'));
  try {
    const now = await measureCalls(join(dir, 'data'));
    process.stdout.write(callTable(now));
    if (flags.functions === true) process.stdout.write(functionLists(now));
    if (flags.before === undefined) return;
    const before = await measureCalls(join(dir, 'before'), resolve(flags.before));
    process.stdout.write(`before:\n${callTable(before)}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const flags = parseFlags();
  if (flags.list === true) {
    const width = Math.max(...CASES.map(({ name }) => name.length)) + 2;
    for (const { name, title } of CASES) process.stdout.write(`${name.padEnd(width)}${title}\n`);
    return;
  }
  if (flags.calls === true) {
    await printCalls(flags);
    return;
  }
  const cases = chosenCases(flags);
  await makeDir(flags.out);
  if (flags.dir !== undefined) await makeDir(flags.dir);
  const sizes = sizesOf(flags);
  const workDir = chooseWorkDir(flags.dir, join(flags.out, 'work'));
  const { before } = flags;
  const other = before === undefined ? undefined : cairn(CAIRN_BEFORE, resolve(before));
  const bench = new Bench(sizes, workDir, progress, other);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void bench.cleanUp().finally(() => process.exit(130));
    });
  }
  process.once('exit', killAll);
  const startedAt = new Date().toISOString();
  const reports: CaseReport[] = [];
  for (const chosen of cases) {
    const report = await runCase(chosen, bench);
    process.stdout.write(caseTables(report));
    reports.push(report);
  }
  const report: RunReport = {
    startedAt,
    isQuick: sizes.isQuick,
    machine: machine(),
    cases: reports,
  };
  for (const path of writeResults(flags.out, report)) {
    process.stdout.write(`written: ${relative(process.cwd(), path)}\n`);
  }
  if (reports.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

endOnFailingOutput('bench');
await main();
