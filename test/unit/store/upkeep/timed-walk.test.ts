import { expect } from 'chai';

import { hashSeed } from '../../../../src/log/bytes/key-hash.js';
import { Keydir } from '../../../../src/store/keydir/keydir.js';
import { walkFor } from '../../../../src/store/upkeep/timed-walk.js';
import { StoppedClock } from '../../../support/stopped-clock.js';

const KEYS = 5000;
const SLICE_MS = 3;

describe('walkFor()', () => {
  it('visits each key once, in slices that end in time, also when visits remove keys', () => {
    for (const removes of [false, true]) {
      const keydir = new Keydir({ seed: hashSeed(Buffer.alloc(8)), recency: false });
      for (let n = 0; n < KEYS; n += 1) keydir.insert(Buffer.from(`key ${n}`));
      const clock = new StoppedClock();
      let nowMs = 0;
      clock.monotonicMs = () => nowMs;
      const seen = new Set<string>();
      let visits = 0;
      let cursor = 0;
      do {
        const before = nowMs;
        cursor = walkFor(clock, SLICE_MS, keydir, cursor, 2000, (ref) => {
          seen.add(keydir.key(ref).toString());
          visits += 1;
          nowMs += 0.5;
          if (removes && visits % 2 === 0) keydir.remove(ref);
        });
        expect(nowMs - before).to.be.at.most(SLICE_MS + 8 * 0.5);
      } while (cursor !== 0);
      expect([seen.size, visits]).to.deep.equal([KEYS, KEYS]);
    }
  });
});
