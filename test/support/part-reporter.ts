// mocha's spec reporter that also leaves, in the file of its option `report`, what became of each test of one part
// (lanes.ts): the counts of all parts are summed from these.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

import { wanted } from './programs.js';

export interface PartReport {
  readonly passed: number;
  /** Titles of tests and hooks. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** Titles of tests that were tried once more. */
  readonly retried: readonly string[];
  /** What the skipped tests would have needed. */
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
