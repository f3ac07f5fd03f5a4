// Seeds of the property tests: random, printed, and settable to run a failure again.

/** Parameters for fc.assert: the seed is CAIRN_TEST_SEED or the time, and is printed. */
export function seeded(title: string, numRuns: number): { seed: number; numRuns: number } {
  const fixed = process.env['CAIRN_TEST_SEED'];
  const seed = fixed === undefined ? Date.now() & 0x7fffffff : Number(fixed);
  console.log(`      ${title}: CAIRN_TEST_SEED=${seed}, ${numRuns} runs`);
  return { seed, numRuns };
}
