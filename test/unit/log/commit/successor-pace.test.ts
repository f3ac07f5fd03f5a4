import { expect } from 'chai';

import { SuccessorPace } from '../../../../src/log/commit/successor-pace.js';
import { StoppedClock } from '../../../support/stopped-clock.js';

/** Returns the answer of next() after everything that needs no time, or undefined while next() waits. */
async function answerOf(turn: Promise<boolean>): Promise<boolean | undefined> {
  const later = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)));
  return Promise.race([turn, later]);
}

describe('SuccessorPace', () => {
  const due = { leastShare: 0.1, share: 0, isAwaited: false };
  let clock = new StoppedClock();
  let pace = new SuccessorPace(clock, () => due);

  beforeEach(() => {
    Object.assign(due, { leastShare: 0.1, share: 0, isAwaited: false });
    clock = new StoppedClock();
    pace = new SuccessorPace(clock, () => due);
  });

  it('has no pause before the least share is written, even when the successor is awaited', async () => {
    due.isAwaited = true;
    expect(await answerOf(pace.next(0.05))).to.equal(true);
  });

  it('pauses while the zeros are ahead of the log, then goes on', async () => {
    const turn = pace.next(0.2);
    expect(await answerOf(turn)).to.equal(undefined);
    clock.pass(249);
    expect(await answerOf(turn)).to.equal(undefined);
    clock.pass(1);
    expect(await answerOf(turn)).to.equal(true);
  });

  it('pauses only when the log is not ahead of the zeros', async () => {
    due.share = 0.5;
    expect(await answerOf(pace.next(0.4))).to.equal(true);
    expect(await answerOf(pace.next(0.6))).to.equal(undefined);
  });

  it('says at once that there is enough when the successor is awaited, also in a pause', async () => {
    const turn = pace.next(0.2);
    expect(await answerOf(turn)).to.equal(undefined);
    due.isAwaited = true;
    pace.hurry();
    expect(await answerOf(turn)).to.equal(false);
    expect(await answerOf(pace.next(0.2))).to.equal(false);
  });
});
