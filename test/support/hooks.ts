// Root hooks of every test run: a promise rejection that no test awaited fails the test it came from.

const stray: unknown[] = [];
process.on('unhandledRejection', (reason) => stray.push(reason));

export const mochaHooks = {
  afterEach(): void {
    const first = stray.shift();
    stray.length = 0;
    if (first !== undefined) throw new Error('A promise was rejected unseen', { cause: first });
  },
};
