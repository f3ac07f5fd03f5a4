// Root hooks of every test run. A promise rejection that no test awaited fails the test that it came from. The clusters that
// suites shared end with the run. The last line of the run says how many tests were skipped, and what to install for them.

import type { Context, Suite } from 'mocha';

import { skipSummary } from './programs.js';
import { endSharedClusters } from './shared-cluster.js';

const stray: unknown[] = [];
process.on('unhandledRejection', (reason) => stray.push(reason));

let skipped = 0;
// This runs after the reporter's last line, whichever reporter it is.
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
