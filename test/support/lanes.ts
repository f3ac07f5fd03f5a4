// The tests of a tier in parts, two parts at a time: each is a mocha process over some files, and its output is printed
// whole when it ends. Files that take long are parts of their own and come first, so that both lanes end together.
// mocha's own --parallel does not serve: its workers lose the hook for stray rejections (hooks.ts) after one file,
// and no file can ask to run alone.
//
// Invariants: each file is in one part; a part that ends without a report, or with a code that its report does not
// explain, is a failure.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { PartReport } from './part-reporter.js';
import { temporaryFolder } from './servers.js';

const ROOT = join(import.meta.dirname, '../../..');
const LANES = 2;
/** Of files that are quick: starting a process for each of them would take longer than their tests. */
const FILES_PER_PART = 10;

/** Files that take more than about 20 s, longest first: their names below test/. */
export const LONGEST: readonly string[] = ['reliability/rows.test.ts', 'benchmarks/quick.test.ts'];

/** Compiled test files that mocha loads in one process, as paths from the root. */
export type Part = readonly string[];

/** The compiled file of a source below test/, as a path from the root. */
function compiledOf(name: string): string {
  return join('dist/test', name.replace(/\.ts$/, '.js'));
}

/** Every test file, in parts, in the order in which they start. */
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
 * Runs the parts with these options of mocha, and resolves to the sum of their reports. `print` is given the whole
 * output of a part when it ends.
 */
export async function runParts(
  parts: readonly Part[],
  options: readonly string[],
  print: (text: string) => void,
): Promise<PartReport> {
  const waiting = [...parts];
  const reports: PartReport[] = [];
  const dir = temporaryFolder();
  const lane = async (): Promise<void> => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const at = parts.indexOf(part);
      reports[at] = await runPart(part, options, join(dir, `${at}.json`), print);
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    rmSync(dir, { recursive: true });
  }
  return {
    passed: reports.reduce((sum, { passed }) => sum + passed, 0),
    failed: reports.flatMap(({ failed }) => failed),
    skipped: reports.flatMap(({ skipped }) => skipped),
    retried: reports.flatMap(({ retried }) => retried),
    wanted: reports.flatMap(({ wanted }) => wanted),
  };
}

async function runPart(
  part: Part,
  options: readonly string[],
  path: string,
  print: (text: string) => void,
): Promise<PartReport> {
  const startedMs = performance.now();
  const reporter = ['--reporter', 'dist/test/support/part-reporter.js'];
  const argv = [...reporter, '--reporter-option', `report=${path}`, ...options, ...part];
  const child = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', ...argv], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const name = part.length === 1 ? part[0]! : `${part[0]!} to ${part.at(-1)!}`;
  print(`${output.join('')}cairn: ${seconds} s for ${name}\n\n`);
  const report = reportIn(path);
  const isExplained = report !== undefined && (code === 0 || report.failed.length > 0);
  if (isExplained) return report;
  const failure = `${name}: mocha ended with ${code ?? signal}, and no report says why`;
  return { passed: 0, skipped: [], retried: [], wanted: [], ...report, failed: [failure] };
}

function reportIn(path: string): PartReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PartReport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
