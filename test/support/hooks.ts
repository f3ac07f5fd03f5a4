// Root hooks of every test run: a promise rejection that no test awaited fails the test it came from; the clusters that
// suites shared end with the run; and its last line says how many tests were skipped, and what to install for them.

import type { Context, Suite } from 'mocha';

import { skipSummary } from './programs.js';
import { endSharedClusters } from './shared-cluster.js';

const stray: unknown[] = [];
process.on('unhandledRejection', (reason) => stray.push(reason));

let skipped = 0;
// After the last word of the reporter, whichever it is.
process.on('exit', () => {
  if (skipped > 0) process.stderr.write(`${skipSummary(skipped)}\n`);
});

function pendingIn(suite: Suite): number {
  const own = suite.tests.filter((test) => test.isPending()).length;
  return suite.suites.reduce((sum, each) => sum + pendingIn(each), own);
}

export const mochaHooks = {
  async afterAll(this: Context): Promise<void> {
    const root = this.test?.parent;
    if (root !== undefined) skipped = pendingIn(root);
    await endSharedClusters();
  },
  afterEach(): void {
    const first = stray.shift();
    stray.length = 0;
    if (first !== undefined) throw new Error('A promise was rejected unseen', { cause: first });
  },
};
