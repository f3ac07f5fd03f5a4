// The tests of a tier in parts, two parts at a time. Each part is a mocha process over some files, and its output is
// printed whole when it ends. Files that take long are parts of their own and come first, so that both lanes end together.
// mocha's own --parallel does not serve: its workers lose the hook for stray rejections (hooks.ts) after one file, and no
// file can ask to run alone.
//
// Invariants: each file is in one part. A part that ends without a report, or with a code that its report does not explain,
// is a failure.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import type { PartReport } from './part-reporter.js';
import { temporaryFolder } from './servers.js';
import { removeFolder } from './remove-folder.js';

const ROOT = join(import.meta.dirname, '../../..');
const LANES = 2;
const STOPPING = ['SIGINT', 'SIGTERM'] as const;
/** The number of quick files in a part: starting a process for each of them would take longer than their tests. */
const FILES_PER_PART = 10;

/** Files that take about 20 s or more beside another one, longest first, by their names below test/. */
export const LONGEST: readonly string[] = [
  'reliability/rows.test.ts',
  'benchmarks/quick.test.ts',
  'sim/crash.test.ts',
  'sim/fault.test.ts',
  'unit/tools/kv-backup.test.ts',
  'tidy/tiers.test.ts',
  'crash/crash-loop.test.ts',
  'unit/tools/output-files.test.ts',
  'package.test.ts',
  'browser/page.test.ts',
  'unit/tools/kv-load.test.ts',
  'unit/tools/kv-client-feed.test.ts',
  'deb.test.ts',
  'systemd.test.ts',
  'unit/tools/kv-client.test.ts',
  'conformance/durable-store.test.ts',
  'differential/meta-sequences.test.ts',
  'sim/bit-flip.test.ts',
  'regression/strangers-files.test.ts',
  'fuzz/connection-fuzz.test.ts',
  'clients/memcached-commands.test.ts',
  'regression/unwritable-output.test.ts',
  'regression/file-failures.test.ts',
  'differential/differential.test.ts',
  'crash/delayed-flush.test.ts',
  'crash/feed-copy.test.ts',
  'unit/tools/kv-dump.test.ts',
  'unit/docs/how-to.test.ts',
];

/** Compiled test files that mocha loads in one process, as paths from the root. */
type Part = readonly string[];

const NOT_RUN: PartReport = {
  passed: 0,
  failed: [{ title: 'a part was not run', reason: 'the run was ended before' }],
  skipped: [],
  retried: [],
  wanted: [],
};

/** Returns the compiled file of a source below test/, as a path from the root. */
function compiledOf(name: string): string {
  return join('dist/test', name.replace(/\.ts$/, '.js'));
}

/** Returns every test file, in parts, in the order in which the parts start. */
export function allParts(): Part[] {
  const long = LONGEST.map(compiledOf);
  const rest = readdirSync(join(ROOT, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join('dist/test', name))
    .filter((path) => !long.includes(path))
    .toSorted();
  const parts = long.map((path) => [path]);
  while (rest.length > 0) parts.push(rest.splice(0, FILES_PER_PART));
  return parts;
}

/**
 * Runs the parts with these options of mocha, and resolves to the sum of their reports. It calls `print` when a part starts,
 * and with the part's whole output when it ends. SIGINT and SIGTERM end the running parts and leave out the rest, which
 * counts as a failure.
 */
export async function runParts(
  parts: readonly Part[],
  options: readonly string[],
  print: (text: string) => void,
): Promise<PartReport> {
  const dir = temporaryFolder();
  const waiting = parts.map((files, at) => new RunningPart(files, join(dir, String(at))));
  const running = new Set<RunningPart>();
  const reports = new Map<RunningPart, PartReport>(waiting.map((part) => [part, NOT_RUN]));
  const stop = (signal: NodeJS.Signals): void => {
    waiting.length = 0;
    for (const part of running) part.kill(signal);
  };
  const lane = async (): Promise<void> => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      running.add(part);
      reports.set(part, await part.run(options, print));
      running.delete(part);
    }
  };
  for (const signal of STOPPING) process.on(signal, stop);
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    for (const signal of STOPPING) process.off(signal, stop);
    removeFolder(dir);
  }
  const all = [...reports.values()];
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.flatMap(({ failed }) => failed),
    skipped: all.flatMap(({ skipped }) => skipped),
    retried: all.flatMap(({ retried }) => retried),
    wanted: all.flatMap(({ wanted }) => wanted),
  };
}

class RunningPart {
  readonly name: string;
  readonly #files: Part;
  readonly #reportPath: string;
  readonly #outputPath: string;
  #child: ChildProcess | undefined;

  /** The part writes files whose paths begin with `path`. */
  constructor(files: Part, path: string) {
    this.name = files.length === 1 ? files[0]! : `${files[0]!} to ${files.at(-1)!}`;
    this.#files = files;
    this.#reportPath = `${path}.json`;
    this.#outputPath = `${path}.txt`;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async run(options: readonly string[], print: (text: string) => void): Promise<PartReport> {
    const startedMs = performance.now();
    const reporter = ['--reporter', 'dist/test/support/part-reporter.js'];
    const report = ['--reporter-option', `report=${this.#reportPath}`];
    const argv = [...reporter, ...report, ...options, ...this.#files];
    // The output goes to a file, because a process that outlives its test would hold a pipe open.
    const output = openSync(this.#outputPath, 'w');
    this.#child = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', ...argv], {
      cwd: ROOT,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    print(`cairn: ${this.name} begins\n`);
    const [code, signal] = (await once(this.#child, 'exit')) as [number | null, string | null];
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    print(`${readFileSync(this.#outputPath, 'utf8')}cairn: ${this.name} took ${seconds} s\n\n`);
    return this.#report(code ?? signal);
  }

  #report(end: number | string | null): PartReport {
    const path = this.#reportPath;
    const report = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as PartReport)
      : undefined;
    const isExplained = report !== undefined && (end === 0 || report.failed.length > 0);
    if (isExplained) return report;
    const reason = `mocha ended with ${end}, and no report says why`;
    return { ...NOT_RUN, ...report, failed: [{ title: this.name, reason }] };
  }
}
