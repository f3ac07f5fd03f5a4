import { expect } from 'chai';

import {
  CHECKS_MAX,
  CHECKS_PER_ORIGIN_MAX,
  CheckQueue,
  type LoginAttempt,
} from '../../../../src/server/login/check-queue.js';
import { Origin } from '../../../../src/server/login/origins.js';

const nothing = Buffer.alloc(0);
const waiter = (origin: Origin, failures = 0): LoginAttempt => ({
  origin,
  failures,
  hasEnded: false,
});
const failing = (count: number): Origin => {
  const origin = new Origin();
  for (let n = 0; n < count; n++) origin.failed(0);
  return origin;
};

describe('CheckQueue', () => {
  let queue: CheckQueue;
  beforeEach(() => (queue = new CheckQueue()));
  const join = (pair: string, one: LoginAttempt): string | undefined =>
    queue.join(pair, nothing, nothing, one, 0)?.pair;
  const order = (): string[] => {
    const pairs: string[] = [];
    for (let check = queue.take(0); check !== undefined; check = queue.take(0)) {
      pairs.push(check.pair);
    }
    return pairs;
  };

  it('take() orders by the failures of the origin, then of the connection, and then takes the newest', () => {
    const [guesser, clean] = [failing(5), new Origin()];
    join('guess of one that failed', waiter(guesser, 3));
    join('old guess', waiter(guesser));
    join('new guess', waiter(guesser));
    join('right', waiter(clean));
    expect(order()).to.deep.equal(['right', 'new guess', 'old guess', 'guess of one that failed']);
    expect(guesser.checks + clean.checks).to.equal(0);
  });

  it('take() takes checks last whose clients have ended their input', () => {
    const gone = waiter(new Origin());
    join('gone', gone);
    join('guess', waiter(failing(9), 9));
    gone.hasEnded = true;
    expect(order()).to.deep.equal(['guess', 'gone']);
  });

  it('join() bounds the checks of an origin, and the client that failed most loses its place', () => {
    const [origin, other] = [new Origin(), new Origin()];
    join('failed', waiter(origin, 1));
    for (let n = 1; n < CHECKS_PER_ORIGIN_MAX; n++) {
      expect(join(`fresh ${n}`, waiter(origin))).to.equal(undefined);
    }
    expect(join('other', waiter(other))).to.equal(undefined);
    expect(join('one more', waiter(origin))).to.equal('failed');
    expect(join('another', waiter(origin)), 'the oldest').to.equal('fresh 1');
    expect(join('a bad one', waiter(origin, 4)), 'itself').to.equal('a bad one');
    expect(origin.checks).to.equal(CHECKS_PER_ORIGIN_MAX);
    expect(queue.size).to.equal(CHECKS_PER_ORIGIN_MAX + 1);
  });

  it('join() bounds all checks, and an address that never failed finds a place', () => {
    for (let n = 0; n < CHECKS_MAX; n++) join(`guess ${n}`, waiter(failing(2)));
    expect(join('right', waiter(new Origin()))).to.equal('guess 0');
    expect(queue.size).to.equal(CHECKS_MAX);
    expect(order()[0]).to.equal('right');
  });

  it('equal pairs take one place, which counts for the better origin', () => {
    const [bad, clean] = [failing(3), new Origin()];
    join('pair', waiter(bad));
    join('guess', waiter(failing(1)));
    for (let n = 0; n < 1000; n++) expect(join('pair', waiter(clean))).to.equal(undefined);
    expect([bad.checks, clean.checks, queue.size]).to.deep.equal([0, 1, 2]);
    expect(queue.take(0)?.waiters.size).to.equal(1001);
  });

  it('leave() removes a check when the last waiting client has left', () => {
    const origin = new Origin();
    const [one, other] = [waiter(origin), waiter(origin)];
    join('pair', one);
    join('pair', other);
    queue.leave('pair', one);
    expect(queue.size).to.equal(1);
    queue.leave('pair', other);
    expect([queue.size, origin.checks]).to.deep.equal([0, 0]);
    expect(queue.take(0)).to.equal(undefined);
  });
});
