// The two tiers of the tests: the fast one has every kind of test, a chosen file or title is run whole, and the skipped
// tests are summed up in one line.

import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { expect } from 'chai';

import { run, skipSummary, type Finished } from '../support/programs.js';
import { temporaryFolder } from '../support/servers.js';
import { LONG, rounds } from '../support/tier.js';
import { everything, root } from './sources.js';
import { removeFolder } from '../support/remove-folder.js';

const RUN = join(root, 'dist/test/run.js');

interface Listed {
  readonly file: string;
  readonly fullTitle: string;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const words = Object.entries({ ...process.env, CAIRN_TEST_TIER: undefined, ...env })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const command = ['-i', ...words, process.execPath, RUN, ...args];
  return run('/usr/bin/env', command, { cwd: root, timeoutMs: 240_000 });
}

describe('The tiers of the tests', function () {
  // Each of these tests loads all tests, some of them three times, maybe beside other builds.
  this.timeout(300_000);
  let dir = '';
  before(() => (dir = temporaryFolder()));
  after(() => removeFolder(dir));

  /** Returns what mocha would run: the source of each test, from the root, and its title. */
  async function listed(...args: string[]): Promise<Listed[]> {
    const path = join(dir, 'listed.json');
    const json = ['--dry-run', '--reporter', 'json', '--reporter-option', `output=${path}`];
    const done = await start([...args, ...json]);
    expect(done.code, done.stderr).to.equal(0);
    const { tests } = JSON.parse(readFileSync(path, 'utf8')) as { tests: Listed[] };
    return tests.map(({ file, fullTitle }) => ({
      file: relative(join(root, 'dist'), file).replace(/\.js$/, '.ts'),
      fullTitle,
    }));
  }

  it('npm test has tests of every folder, the power loss too, and none that is long', async () => {
    const fast = await listed();
    const files = everything.map(({ path }) => path).filter((path) => path.endsWith('.test.ts'));
    const folders = new Set(files.map(dirname));
    const missing = [...folders].filter((path) => !fast.some(({ file }) => dirname(file) === path));
    expect(folders.size).to.be.above(30);
    expect(missing, 'folders without a test in the fast tier').to.deep.equal([]);
    expect(fast.filter(({ fullTitle }) => fullTitle.includes('power-loss:'))).to.have.length(1);
    expect(fast.filter(({ fullTitle }) => fullTitle.includes(LONG))).to.deep.equal([]);
  });

  it('npm run test:all has the fast tests and the long ones @long', async () => {
    const files = new Set((await listed('--all')).map(({ file }) => file));
    const sources = everything.map(({ path }) => path).filter((path) => path.endsWith('.test.ts'));
    expect([...files].toSorted()).to.deep.equal(sources.toSorted());
  });

  it('a file or folder is run alone and whole, by its source or its compiled file @long', async () => {
    const file = 'test/crash/crash-loop.test.ts';
    for (const word of [file, `${root}/${file}`, 'dist/test/crash/crash-loop.test.js']) {
      const tests = await listed(word);
      expect(new Set(tests.map((test) => test.file)), word).to.deep.equal(new Set([file]));
    }
    const folder = await listed('test/crash');
    expect(folder.some(({ fullTitle }) => fullTitle.includes(LONG))).to.equal(true);
    expect(folder.filter((test) => dirname(test.file) !== 'test/crash')).to.deep.equal([]);
    expect(await listed('unit/store/keydir')).not.to.deep.equal([]);
  });

  it('a title is looked for among all tests @long', async () => {
    const titles = (await listed('-g', LONG)).map(({ fullTitle }) => fullTitle);
    expect(titles).to.have.length.above(10);
    expect(titles.filter((title) => !title.includes(LONG))).to.deep.equal([]);
  });

  it('a missing file, and a title that no test has, are failures @long', async () => {
    const unknown = await start(['test/unit/nowhere']);
    expect(unknown.code).to.equal(64);
    expect(unknown.stderr).to.match(/^There is no test test\/unit\/nowhere: [^\n]+\n$/);
    expect((await start(['-g', 'no test is called so', '-R', 'dot', 'test/golden'])).code).to.equal(
      1,
    );
  });

  it('skipped tests are summed up in one line at the end, with any reporter @long', async () => {
    for (const reporter of ['spec', 'dot']) {
      const args = ['test/differential', '--reporter', reporter];
      const done = await start(args, { PATH: '/nowhere' });
      expect(done.code, done.stderr).to.equal(0);
      expect(done.stderr.trim().split('\n').at(-1)).to.equal(
        '4 skipped: apt-get install memcached',
      );
    }
    const none = await start(['test/unit/nearest-name.test.ts']);
    expect(none.stdout + none.stderr).to.not.contain('skipped');
  });
});

describe('skipSummary()', () => {
  it('names packages once and in order, and after them what no package brings', () => {
    expect(skipSummary(3, new Set(['strace', 'memcached']))).to.equal(
      '3 skipped: apt-get install memcached strace',
    );
    expect(skipSummary(2, new Set(['root', 'gcc', 'root that may mount']))).to.equal(
      '2 skipped: apt-get install gcc; needs root, root that may mount',
    );
    expect(skipSummary(1, new Set(['root']))).to.equal('1 skipped: needs root');
  });
});

describe('rounds()', () => {
  it('returns fewer rounds in the fast tier only', () => {
    const before = process.env['CAIRN_TEST_TIER'];
    try {
      delete process.env['CAIRN_TEST_TIER'];
      expect(rounds(40, 4)).to.equal(40);
      process.env['CAIRN_TEST_TIER'] = 'fast';
      expect(rounds(40, 4)).to.equal(4);
    } finally {
      if (before === undefined) delete process.env['CAIRN_TEST_TIER'];
      else process.env['CAIRN_TEST_TIER'] = before;
    }
  });
});
