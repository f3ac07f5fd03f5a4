// The two tiers of the tests. `npm test` runs the fast one: it leaves out what has LONG in its title, and tests that
// repeat something do it less often. All else (`npm run test:all`, a file or a title that is asked for) is whole.

/** Marks a test, or all tests of a describe, as too long for the fast tier, by standing in its title. */
export const LONG = '@long';

/** How often to repeat something: `all` times, and in the fast tier `fast` times. */
export function rounds(all: number, fast: number): number {
  return process.env['CAIRN_TEST_TIER'] === 'fast' ? fast : all;
}
