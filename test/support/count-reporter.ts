// mocha's spec reporter that also leaves the counts of the run in the file CAIRN_TEST_REPORT, in the one
// line that .ci/run ends with. Skipped tests are listed by name: none goes unseen.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export default class CountReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    const skipped: string[] = [];
    runner.on(Mocha.Runner.constants.EVENT_TEST_PENDING, (test) => skipped.push(test.fullTitle()));
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      for (const title of skipped) process.stdout.write(`skipped: ${title}\n`);
      const rest = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
      const report = process.env['CAIRN_TEST_REPORT'];
      const line = `${passes} passed, ${failures} failed${rest}\n`;
      if (report !== undefined) writeFileSync(report, line);
    });
  }
}
