// mocha's spec reporter, which also writes the outcome of each test of one part (lanes.ts) to the file of its option
// `report`. The counts of all parts are summed from these files.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

import { wanted } from './programs.js';

export interface PartReport {
  readonly passed: number;
  /** Titles of the tests and hooks that failed. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** Titles of the tests that ran a second time. */
  readonly retried: readonly string[];
  /** The needs of the skipped tests: packages, or other things in words. */
  readonly wanted: readonly string[];
}

export default class PartReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_TEST_RETRY } =
      Mocha.Runner.constants;
    const titlesOf = (event: string): string[] => {
      const titles: string[] = [];
      runner.on(event, (test: Mocha.Runnable) => titles.push(test.fullTitle()));
      return titles;
    };
    const failed = titlesOf(EVENT_TEST_FAIL);
    const skipped = titlesOf(EVENT_TEST_PENDING);
    const retried = titlesOf(EVENT_TEST_RETRY);
    runner.once(EVENT_RUN_END, () => {
      const passed = this.stats.passes;
      const report: PartReport = { passed, failed, skipped, retried, wanted: wanted() };
      const { report: path } = options.reporterOptions as { report: string };
      writeFileSync(path, JSON.stringify(report));
    });
  }
}
