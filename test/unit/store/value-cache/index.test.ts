import { expect } from 'chai';
import * as fc from 'fast-check';
import { NO_PLACE, ValueCacheIndex } from '../../../../src/store/value-cache/index.js';

describe('ValueCacheIndex', () => {
  it('find() agrees with a Map after any sets and deletes', () => {
    const change = fc.record({
      put: fc.boolean(),
      ref: fc.integer({ min: 1, max: 200 }),
      place: fc.nat({ max: 2 ** 31 - 1 }).map((n) => n * 2 + 1),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 1000 }), (changes) => {
        const index = new ValueCacheIndex(0);
        const model = new Map<number, number>();
        for (const { put, ref, place } of changes) {
          if (put) {
            const before = index.memoryBytes;
            const growth = model.has(ref) ? 0 : index.growthBytes(ref);
            index.set(ref, place);
            expect(index.memoryBytes - before).to.equal(growth);
            model.set(ref, place);
          } else {
            index.delete(ref);
            model.delete(ref);
          }
        }
        expect(index.count).to.equal(model.size);
        for (let ref = 1; ref <= 200; ref += 1) {
          expect(index.find(ref)).to.equal(model.get(ref) ?? NO_PLACE);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('grows with its refs and shrinks when they are deleted', () => {
    const index = new ValueCacheIndex(1024 * 1024);
    for (let ref = 1; ref <= 50_000; ref += 1) index.set(ref * 14, ref);
    expect(index.count).to.equal(50_000);
    const full = index.memoryBytes;
    let right = 0;
    for (let ref = 1; ref <= 50_000; ref += 1) if (index.find(ref * 14) === ref) right += 1;
    expect(right).to.equal(50_000);
    for (let ref = 1; ref <= 50_000; ref += 1) index.delete(ref * 14);
    expect(index.count).to.equal(0);
    expect(index.memoryBytes).to.be.lessThan(full / 100);
  });
});
