// Root hooks of every test run: a promise rejection that no test awaited fails the test it came from; and at the end
// one line says what to install for the tests that were skipped.

import { installHint } from './programs.js';

const stray: unknown[] = [];
process.on('unhandledRejection', (reason) => stray.push(reason));

export const mochaHooks = {
  afterAll(): void {
    const hint = installHint();
    if (hint !== undefined) process.stderr.write(`${hint}\n`);
  },
  afterEach(): void {
    const first = stray.shift();
    stray.length = 0;
    if (first !== undefined) throw new Error('A promise was rejected unseen', { cause: first });
  },
};
