// The two tiers of the tests. `npm test` runs the fast one: it leaves out tests with LONG in their titles, and repeats
// things less often. Every other run (`npm run test:all`, a chosen file or title) is whole.

/** Marks a test, or all tests of a describe, as too long for the fast tier when it stands in the title. */
export const LONG = '@long';

/** Returns how often to repeat something: `all` times, and in the fast tier `fast` times. */
export function rounds(all: number, fast: number): number {
  return process.env['CAIRN_TEST_TIER'] === 'fast' ? fast : all;
}
