import { expect } from 'chai';
import * as fc from 'fast-check';

import { emptyRecord } from '../../../../src/store/keydir/record.js';
import { PastStates } from '../../../../src/store/items/past-states.js';
import { seeded } from '../../../support/seed.js';

const LARGE = { id: 7, bytes: 5_000_000, salt: 1 };

describe('PastStates', () => {
  it('pop() gives the states that push() took, newest first, whatever became durable before', () => {
    const step = fc.oneof(
      fc.record({ push: fc.boolean(), large: fc.boolean() }),
      fc.constant('pop' as const),
      fc.record({ drop: fc.nat(3000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(3000), (steps, burst) => {
        const past = new PastStates();
        const model: { seq: number; state: unknown }[] = [];
        let seq = 0;
        const push = (isThere: boolean, isLarge: boolean): void => {
          seq += 1;
          const record = { ...emptyRecord(), seq: seq + 0.5e13, offset: seq * 8, marks: seq % 16 };
          const large = isThere && isLarge ? LARGE : undefined;
          past.push(seq, isThere ? record : undefined, large);
          model.push({ seq, state: isThere ? { ...record, large } : undefined });
        };
        for (let at = 0; at < burst; at += 1) push(true, false);
        for (const each of steps) {
          if (each === 'pop') {
            const newest = model.pop();
            if (newest === undefined) expect(() => past.pop(seq)).to.throw('There is a state');
            else expect(past.pop(newest.seq)).to.deep.equal(newest.state);
          } else if ('push' in each) {
            push(each.push, each.large);
          } else {
            past.dropUpTo(each.drop);
            while (model.length > 0 && model[0]!.seq <= each.drop) model.shift();
          }
        }
      }),
      seeded('PastStates', 60),
    );
  });

  it('pop() throws when a state is not the newest', () => {
    const past = new PastStates();
    past.push(1, undefined, undefined);
    past.push(2, undefined, undefined);
    expect(() => past.pop(1)).to.throw('newest first');
  });
});
