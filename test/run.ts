// The runner of `npm test` and `npm run test:all`: mocha, over the tests that are asked for.
//
//   npm test                                the fast tier (test/support/tier.ts)
//   npm run test:all                        everything
//   npm test -- test/unit/store             a folder or file, whole; sources or what was compiled from them
//   npm test -- -g 'docs/format.md'         titles, among all tests
//
// Every other option is mocha's.

import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';

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

/** As mocha itself reads its command line. */
const { loadOptions } = createRequire(import.meta.url)('mocha/lib/cli/options.cjs') as {
  readonly loadOptions: (args: readonly string[]) => MochaOptions;
};

/** What mocha is to load for a word such as `test/unit/store` or `test/package.test.ts`. */
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

const given = process.argv.slice(2);
const isAll = given.includes('--all');
const options = given.filter((word) => word !== '--all');
const parsed = loadOptions(options);
const words = new Set([...(parsed._ ?? []), ...(parsed.spec ?? [])].map(String));
const specs = [...words].map(specOf);
const isChosen = specs.length > 0 || parsed.grep !== undefined || parsed.fgrep !== undefined;

const args = options.filter((word) => !words.has(word));
if (isAll) say('all tests, for about twenty minutes');
else if (!isChosen) {
  say(`the fast tier, for about 90 s; npm run test:all runs all tests`);
  process.env['CAIRN_TEST_TIER'] = 'fast';
  args.push('--fgrep', LONG, '--invert');
}
process.chdir(ROOT);
process.argv.splice(
  2,
  Infinity,
  '--fail-zero',
  ...args,
  ...(specs.length > 0 ? specs : [EVERYTHING]),
);
// It has no types of its own.
const MOCHA: string = 'mocha/bin/mocha.js';
await import(MOCHA);
