// UnsyncedKeys against a map that forgets nothing: no key loses a seq that is not durable yet.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { UnsyncedKeys } from '../../../../src/store/items/unsynced-keys.js';
import { seeded } from '../../../support/seed.js';

const KEYS = ['a', 'b', 'c', 'd'].map((key) => Buffer.from(key));

describe('UnsyncedKeys', () => {
  it('knows the newest seq of each key above the watermark, and is empty when all are durable', () => {
    const step = fc.oneof(fc.nat(3), fc.constant('settle' as const), fc.constant('fail' as const));
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat(5)), { maxLength: 60 }), (steps) => {
        const keys = new UnsyncedKeys();
        const model = new Map<Buffer, number>();
        let [seq, watermark] = [0, 0];
        for (const [what, by] of steps) {
          if (what === 'settle') {
            watermark = Math.min(seq, watermark + by);
            keys.settle(watermark);
          } else if (what === 'fail') {
            keys.clear();
            model.clear();
            watermark = seq;
          } else {
            seq += 1;
            keys.note(KEYS[what]!, 0, 1, seq);
            model.set(KEYS[what]!, seq);
          }
          for (const key of KEYS) {
            const known = model.get(key) ?? 0;
            const found = keys.seqOf(key, 0, 1);
            if (known > watermark) expect(found).to.equal(known);
            else expect(found).to.be.at.most(watermark);
          }
          if (what === 'settle' && seq === watermark) expect(keys.isEmpty).to.equal(true);
        }
      }),
      seeded('UnsyncedKeys', 300),
    );
  });

  it('a hundred thousand keys become durable in two generations', () => {
    const keys = new UnsyncedKeys();
    const key = Buffer.from('000000');
    for (let seq = 1; seq <= 100_000; seq += 1) {
      key.write(String(seq).padStart(6, '0'));
      keys.note(key, 0, 6, seq);
    }
    keys.settle(50_000);
    expect(keys.seqOf(key, 0, 6)).to.equal(100_000);
    keys.settle(100_000);
    expect(keys.isEmpty).to.equal(true);
    expect(keys.seqOf(key, 0, 6)).to.equal(0);
  });
});
