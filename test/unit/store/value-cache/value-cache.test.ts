import { expect } from 'chai';
import * as fc from 'fast-check';
import { KIB, MIB, SEQ_MAX } from '../../../../src/limits.js';
import { ValueCache } from '../../../../src/store/value-cache/value-cache.js';

/** Returns a value from which its ref and seq can be read. */
function valueOf(ref: number, seq: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes, (ref * 31 + seq) & 0xff);
  value.write(`${ref}:${seq}`.slice(0, bytes), 'latin1');
  return value;
}

function fill(cache: ValueCache, from: number, to: number, bytes: number): void {
  for (let ref = from; ref < to; ref += 1) cache.put(ref, ref, 0, 1n, valueOf(ref, ref, bytes));
}

function held(cache: ValueCache, from: number, to: number): number {
  let count = 0;
  for (let ref = from; ref < to; ref += 1) if (cache.get(ref, ref) !== undefined) count += 1;
  return count;
}

/** Returns how many memories the pages have had after 300 long values, each of which was read. */
function memoriesOf(isKept: boolean): number {
  const cache = new ValueCache(16 * MIB);
  const memories = new Set<ArrayBufferLike>();
  for (let seq = 1; seq <= 300; seq++) {
    cache.put(1, seq, 0, undefined, Buffer.alloc(256 * KIB, seq & 0xff));
    const found = cache.get(1, seq, isKept)!;
    expect(found.isLasting).to.equal(isKept);
    expect(found.value[0]).to.equal(seq & 0xff);
    memories.add(found.source.buffer);
  }
  return memories.size;
}

describe('ValueCache', () => {
  it('get() gives back value, flags and CAS token as put() took them', () => {
    const cache = new ValueCache(MIB);
    cache.put(1, SEQ_MAX, 0xffffffff, 2n ** 64n - 1n, Buffer.from('one'));
    cache.put(2 ** 31 - 1, 7, 0, 0n, Buffer.alloc(0));
    cache.put(3, 8, 5, 8n, Buffer.from('a headtail b'), 2, 10);
    const { value, isLasting, flags, cas } = cache.get(1, SEQ_MAX)!;
    expect({ value, isLasting, flags, cas }).to.deep.equal({
      value: Buffer.from('one'),
      isLasting: false,
      flags: 0xffffffff,
      cas: 2n ** 64n - 1n,
    });
    expect(cache.get(2 ** 31 - 1, 7)!.value).to.have.length(0);
    expect(cache.get(3, 8)!.value.toString()).to.equal('headtail');
    expect(cache.get(4, 8)).to.equal(undefined);
  });

  it('get() gives a long value that stays as it is when its page is emptied and filled again', () => {
    const cache = new ValueCache(16 * MIB);
    const long = Buffer.alloc(250 * KIB, 'l');
    const longer = Buffer.alloc(256 * KIB, 'x');
    for (const [ref, value] of [long, longer].entries()) cache.put(ref, 1, 0, 1n, value);
    expect(cache.get(0, 1)!.isLasting).to.equal(false);
    const { value, isLasting } = cache.get(1, 1)!;
    expect(isLasting).to.equal(true);
    cache.drop(1);
    for (let ref = 2; ref < 200; ref++) cache.put(ref, 1, 0, 1n, Buffer.alloc(256 * KIB, 'y'));
    expect(value.equals(longer)).to.equal(true);
    expect(cache.memoryBytes).to.be.at.most(16 * MIB);
  });

  it('get() of a long value that is not kept, as for an append, does not give its page new memory', () => {
    expect(memoriesOf(false)).to.be.at.most(32);
    expect(memoriesOf(true)).to.be.above(100);
  });

  it('get() never gives a value of another seq, older or newer', () => {
    const cache = new ValueCache(MIB);
    cache.put(1, 10, 0, 10n, Buffer.from('ten'));
    expect(cache.get(1, 11)).to.equal(undefined);
    cache.put(1, 10, 0, 10n, Buffer.from('ten'));
    expect(cache.get(1, 10 + 2 ** 32), 'all 48 bits count').to.equal(undefined);
    cache.put(1, 12, 0, 12n, Buffer.from('twelve'));
    expect(cache.get(1, 12)!.value.toString()).to.equal('twelve');
    cache.drop(1);
    expect(cache.get(1, 12)).to.equal(undefined);
    expect(cache.stats.entries).to.equal(0);
  });

  it('get() gives a view that later puts do not change', () => {
    const cache = new ValueCache(MIB);
    fill(cache, 1, 3000, 1000);
    const view = cache.get(2900, 2900)!.value;
    const copy = Buffer.from(view);
    // The page of the view is used again as late as a page that was just emptied.
    fill(cache, 3000, 3060, 1000);
    expect(view.equals(copy)).to.equal(true);
  });

  it('put() holds a value up to a page and drops the old one when the new one does not fit', () => {
    const cache = new ValueCache(64 * MIB);
    cache.put(1, 1, 0, 1n, Buffer.alloc(MIB, 1));
    expect(cache.get(1, 1)!.value.length).to.equal(MIB);
    cache.put(1, 2, 0, 2n, Buffer.alloc(MIB + 5 * KIB));
    expect(cache.get(1, 2)).to.equal(undefined);
    expect(cache.stats.entries).to.equal(0);
  });

  it('put() evicts the oldest values, and keeps values that are read', () => {
    const cache = new ValueCache(MIB);
    fill(cache, 1, 101, 1000);
    let newest = 100;
    for (let round = 0; round < 50; round += 1) {
      fill(cache, newest + 1, newest + 101, 1000);
      newest += 100;
      expect(held(cache, 1, 51), 'the ones that are read stay').to.equal(50);
    }
    expect(held(cache, 51, 101), 'the others went').to.equal(0);
    expect(held(cache, newest - 99, newest + 1), 'the newest are there').to.equal(100);
    expect(cache.stats.evicted).to.be.greaterThan(3000);
  });

  it('put() does nothing and get() misses when it is off', () => {
    for (const bytes of [0, 1000, 512 * KIB - 1]) {
      const cache = new ValueCache(bytes);
      fill(cache, 1, 100, 10);
      expect(held(cache, 1, 100)).to.equal(0);
      expect(cache.memoryBytes).to.equal(0);
    }
  });

  it('stats count hits, misses and evictions until resetStats()', () => {
    const cache = new ValueCache(MIB);
    fill(cache, 1, 11, 10);
    held(cache, 1, 14);
    expect(cache.stats).to.include({ entries: 10, hits: 10, misses: 3, evicted: 0, bytesMax: MIB });
    cache.resetStats();
    expect(cache.stats).to.include({ entries: 10, hits: 0, misses: 0 });
  });

  it('clear() forgets all values and frees the pages', () => {
    const cache = new ValueCache(MIB);
    fill(cache, 1, 1000, 2000);
    cache.clear();
    expect(cache.memoryBytes).to.equal(0);
    expect(held(cache, 1, 1000)).to.equal(0);
    fill(cache, 1, 10, 2000);
    expect(held(cache, 1, 10)).to.equal(9);
  });

  it('resize() keeps to the new bound, and the cache goes on', () => {
    const cache = new ValueCache(128 * MIB);
    fill(cache, 1, 20_000, 4000);
    const before = held(cache, 1, 20_000);
    expect(before).to.equal(19_999);
    cache.resize(40 * MIB);
    expect(cache.memoryBytes).to.be.at.most(40 * MIB);
    expect(held(cache, 1, 20_000), 'the newest stay').to.be.within(9_000, 10_500);
    cache.resize(MIB);
    expect(cache.memoryBytes).to.be.at.most(MIB);
    fill(cache, 1, 100, 100);
    expect(held(cache, 1, 100)).to.equal(99);
    cache.resize(0);
    expect(cache.memoryBytes).to.equal(0);
    cache.resize(2 * MIB);
    fill(cache, 1, 100, 100);
    expect(held(cache, 1, 100)).to.equal(99);
  });

  it('keeps to the bound while tiny values make the index grow', () => {
    const cache = new ValueCache(2 * MIB);
    fill(cache, 1, 30, 100 * KIB);
    let most = 0;
    for (let ref = 1; ref < 200_000; ref += 1) {
      cache.put(ref, ref, 0, 1n, valueOf(ref, ref, 1));
      most = Math.max(most, cache.memoryBytes);
    }
    expect(most).to.be.at.most(2 * MIB);
    expect(cache.stats.entries).to.be.greaterThan(20_000);
    fill(cache, 1, 100, 100 * KIB);
    expect(held(cache, 90, 100), 'large values find room again').to.equal(10);
  });
});

describe('ValueCache against a Map', () => {
  const ref = fc.integer({ min: 1, max: 60 });
  const bytes = fc.constantFrom(0, 1, 27, 28, 5000, 60_000, 131_000, 200_000);
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), ref, bytes }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('get', 'stale', 'drop'), ref }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('resize' as const),
        bytesMax: fc.constantFrom(0, 512 * KIB, MIB, 1_500_000, 3 * MIB, 8 * MIB),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  );

  it('get() gives only the last put value, and the bound is never exceeded', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
        const model = new Map<number, { seq: number; value: Buffer }>();
        const cache = new ValueCache(MIB);
        let bytesMax = MIB;
        for (const [seq, action] of actions.entries()) {
          if ('bytes' in action) {
            const value = valueOf(action.ref, seq, action.bytes);
            cache.put(action.ref, seq, seq, BigInt(seq), value);
            model.set(action.ref, { seq, value });
          } else if ('bytesMax' in action) {
            bytesMax = action.bytesMax;
            cache.resize(bytesMax);
          } else if (!('ref' in action)) {
            cache.clear();
          } else if (action.kind === 'drop') {
            cache.drop(action.ref);
            expect(cache.get(action.ref, model.get(action.ref)?.seq ?? 0)).to.equal(undefined);
          } else if (action.kind === 'stale') {
            expect(cache.get(action.ref, seq + 1)).to.equal(undefined);
          } else {
            const last = model.get(action.ref);
            const found = cache.get(action.ref, last?.seq ?? 0);
            if (found === undefined) continue;
            expect(found.value.equals(last!.value)).to.equal(true);
            expect(found.flags).to.equal(last!.seq);
            expect(found.cas).to.equal(BigInt(last!.seq));
          }
          expect(cache.memoryBytes).to.be.at.most(bytesMax);
        }
      }),
      { numRuns: 60 },
    );
  });
});
