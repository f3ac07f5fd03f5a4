// The runner of `npm test` and `npm run test:all`: runs mocha over the chosen tests.
//
//   npm test                                the fast tier (test/support/tier.ts)
//   npm run test:all                        everything
//   npm test -- test/unit/store             a folder or file, whole; its sources or the compiled files
//   npm test -- -g 'docs/format.md'         titles, among all tests
//
// Every other option is mocha's. A tier runs in two processes at a time (test/support/lanes.ts). Chosen tests, or tests with
// an option other than --retries, run in one. CAIRN_TEST_REPORT names a file for the line of counts of a tier.

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';

import { allParts, runParts } from './support/lanes.js';
import type { Failure } from './support/part-reporter.js';
import { skipSummary } from './support/programs.js';
import { LONG } from './support/tier.js';

const ROOT = join(import.meta.dirname, '../..');
const EVERYTHING = 'dist/test/**/*.test.js';
const EXIT_USAGE = 64;

interface MochaOptions {
  /** The words that belong to no option. */
  readonly _?: readonly string[];
  readonly spec?: readonly string[];
  readonly grep?: unknown;
  readonly fgrep?: unknown;
}

/** Reads a command line as mocha itself does. */
const { loadOptions } = createRequire(import.meta.url)('mocha/lib/cli/options.cjs') as {
  readonly loadOptions: (args: readonly string[]) => MochaOptions;
};

/** Returns the files that mocha must load for a word such as `test/unit/store` or `test/package.test.ts`. */
function specOf(word: string): string {
  const asked = relative(ROOT, resolve(word)).replace(/^dist\//, '');
  for (const path of [asked, join('test', asked)]) {
    const compiled = join('dist', path.replace(/\.ts$/, '.js'));
    if (/[*{]/.test(word)) return compiled;
    const place = join(ROOT, compiled);
    if (existsSync(place))
      return statSync(place).isDirectory() ? join(compiled, '**/*.test.js') : compiled;
  }
  return refuse(word);
}

function refuse(word: string): never {
  process.stderr.write(
    `There is no test ${word}: name a file or folder, or -g 'words of a title'\n`,
  );
  process.exit(EXIT_USAGE);
}

function say(text: string): void {
  process.stderr.write(`cairn: ${text}\n`);
}

/** The title of a failure and, indented below it, the reason: the whole output is long, and a log may keep only its end. */
function paragraph({ title, reason }: Failure): string {
  return `${title}\n${reason.replaceAll(/^/gm, '    ')}\n`;
}

/** Runs the tests of the tier in two processes at a time; resolves to true when none failed. */
async function runTier(args: readonly string[]): Promise<boolean> {
  const colours = process.stdout.isTTY ? ['--color'] : [];
  const report = await runParts(allParts(), [...colours, ...args], (text) =>
    process.stdout.write(text),
  );
  const { passed, failed, skipped, retried } = report;
  for (const title of skipped) process.stdout.write(`skipped: ${title}\n`);
  for (const each of retried) process.stdout.write(`tried twice: ${paragraph(each)}`);
  for (const each of failed) process.stdout.write(`failed: ${paragraph(each)}`);
  const rest = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  const counts = `${passed} passed, ${failed.length} failed${rest}\n`;
  process.stdout.write(counts);
  const path = process.env['CAIRN_TEST_REPORT'];
  if (path !== undefined) writeFileSync(path, counts);
  if (skipped.length > 0)
    process.stderr.write(`${skipSummary(skipped.length, new Set(report.wanted))}\n`);
  return failed.length === 0 && passed > 0;
}

/** Runs mocha in this process. */
async function runMocha(args: readonly string[]): Promise<void> {
  process.argv.splice(2, Infinity, '--fail-zero', ...args);
  // This module has no types of its own.
  const mocha: string = 'mocha/bin/mocha.js';
  await import(mocha);
}

const given = process.argv.slice(2);
const isAll = given.includes('--all');
const options = given.filter((word) => word !== '--all');
const parsed = loadOptions(options);
const words = new Set([...(parsed._ ?? []), ...(parsed.spec ?? [])].map(String));
const specs = [...words].map(specOf);
const isChosen = specs.length > 0 || parsed.grep !== undefined || parsed.fgrep !== undefined;
// Two processes can sum what they count, but follow no other option.
const isInLanes = !isChosen && /^(?:--retries[ =]\d+)?$/.test(options.join(' '));

const args = options.filter((word) => !words.has(word));
if (isAll) say('all tests, two files at a time, for about twenty minutes');
else if (!isChosen) {
  say(`the fast tier, for about 100 s; npm run test:all runs all tests`);
  process.env['CAIRN_TEST_TIER'] = 'fast';
  args.push('--fgrep', LONG, '--invert');
}
process.chdir(ROOT);
if (isInLanes) process.exitCode = (await runTier(args)) ? 0 : 1;
else await runMocha([...args, ...(specs.length > 0 ? specs : [EVERYTHING])]);
