// mocha's spec reporter, which also writes the outcome of the tests of one part (lanes.ts) to the file of its option
// `report`. The counts of all parts are summed from these files.

import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import Mocha from 'mocha';

import { wanted } from './programs.js';

/** A test or a hook that failed. */
export interface Failure {
  readonly title: string;
  /** The error with its stack and its causes. */
  readonly reason: string;
}

export interface PartReport {
  readonly passed: number;
  readonly failed: readonly Failure[];
  /** Titles of the tests that were skipped. */
  readonly skipped: readonly string[];
  /** The tests that ran a second time, and why. */
  readonly retried: readonly Failure[];
  /** The needs of the skipped tests: packages, or other things in words. */
  readonly wanted: readonly string[];
}

export default class PartReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_TEST_RETRY } =
      Mocha.Runner.constants;
    const failuresOf = (event: string): Failure[] => {
      const failures: Failure[] = [];
      runner.on(event, (test: Mocha.Runnable, error: unknown) => {
        failures.push({ title: test.fullTitle(), reason: inspect(error) });
      });
      return failures;
    };
    const failed = failuresOf(EVENT_TEST_FAIL);
    const retried = failuresOf(EVENT_TEST_RETRY);
    const skipped: string[] = [];
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push(test.fullTitle()));
    runner.once(EVENT_RUN_END, () => {
      const passed = this.stats.passes;
      const report: PartReport = { passed, failed, skipped, retried, wanted: wanted() };
      const { report: path } = options.reporterOptions as { report: string };
      writeFileSync(path, JSON.stringify(report));
    });
  }
}
