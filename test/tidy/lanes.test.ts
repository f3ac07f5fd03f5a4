// The lanes of the tests: no file is left out or run twice, and every failure of a part is counted.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { allParts, LONGEST, runParts } from '../support/lanes.js';
import type { Failure, PartReport } from '../support/part-reporter.js';
import { temporaryFolder } from '../support/servers.js';
import { everything } from './sources.js';
import { removeFolder } from '../support/remove-folder.js';

describe('allParts()', () => {
  it('has each test file in one part, the longest in parts of their own before all others', () => {
    const sources = everything.map(({ path }) => path).filter((path) => path.endsWith('.test.ts'));
    const compiled = sources.map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
    const parts = allParts();
    expect(parts.flat().toSorted()).to.deep.equal(compiled.toSorted());
    expect(parts.slice(0, LONGEST.length)).to.deep.equal(
      LONGEST.map((name) => [`dist/test/${name.replace(/\.ts$/, '.js')}`]),
    );
  });
});

async function reportOf(...parts: string[][]): Promise<PartReport & { printed: string }> {
  let printed = '';
  const report = await runParts(parts, ['--retries', '1'], (text) => (printed += text));
  return { ...report, printed };
}

/** Returns title and error of each failure, without the stack. */
function firstLines(failures: readonly Failure[]): string[][] {
  return failures.map(({ title, reason }) => [title, reason.split('\n')[0]!]);
}

describe('runParts() @long', function () {
  this.timeout(60_000);
  let dir = '';
  beforeEach(() => (dir = temporaryFolder()));
  afterEach(() => removeFolder(dir));

  /** Makes a file of tests. */
  function file(name: string, text: string): string {
    const path = join(dir, `${name}.cjs`);
    writeFileSync(path, text);
    return path;
  }

  it('sums what passed, failed, was skipped and tried twice, and prints all output', async () => {
    const first = file('first', `it('passes', () => console.log('said by it'));`);
    const second = file(
      'second',
      `let tries = 0;
       it('passes later', () => { if (++tries === 1) throw new Error('once'); });
       it('fails', () => { throw new Error('always'); });
       it('is skipped', function () { this.skip(); });`,
    );
    const third = file(
      'third',
      `describe('a hook', () => {
      before(() => { throw new Error('hook'); });
      it('is not run', () => undefined);
    });`,
    );
    const { printed, failed, retried, ...report } = await reportOf([first, second], [third]);
    expect(report).to.deep.equal({ passed: 2, skipped: ['is skipped'], wanted: [] });
    expect(firstLines(failed)).to.deep.equal([
      ['fails', 'Error: always'],
      ['a hook "before all" hook for "is not run"', 'Error: hook'],
    ]);
    expect(firstLines(retried)).to.deep.equal([
      ['passes later', 'Error: once'],
      ['fails', 'Error: always'],
    ]);
    expect(printed).to.contain('said by it').and.contain('Error: always');
  });

  for (const [what, text] of [
    ['cannot be loaded', `throw new Error('at once');`],
    ['ends the process', `it('ends', () => process.exit(0));`],
    [
      'kills it after its tests',
      `it('passes', () => undefined); process.on('exit', () => process.kill(process.pid, 'SIGKILL'));`,
    ],
    [
      'rejects a promise unseen',
      `it('rejects', async () => { void Promise.reject(new Error('x')); await 0; });`,
    ],
  ] as const) {
    it(`counts a failure when a file ${what}`, async () => {
      const good = file('good', `it('passes', () => undefined);`);
      const { failed, passed } = await reportOf([file('bad', text)], [good]);
      expect(failed).to.have.length(1);
      expect(passed).to.be.at.least(1);
    });
  }

  it('ends the running parts at SIGTERM, starts no more, and reports a failure', async () => {
    const endless = file('endless', `it('waits', (done) => void setTimeout(done, 50_000));`);
    const good = file('good', `it('passes', () => undefined);`);
    let begun = 0;
    const report = await runParts([[endless], [endless], [good]], [], (text) => {
      if (text.includes('begins') && ++begun === 2) process.emit('SIGTERM', 'SIGTERM');
    });
    expect(begun).to.equal(2);
    expect(report.passed).to.equal(0);
    expect(report.failed).to.have.length(3);
  });
});
