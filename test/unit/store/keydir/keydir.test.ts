import { expect } from 'chai';
import * as fc from 'fast-check';
import { SEQ_MAX } from '../../../../src/limits.js';
import { Keydir, ITEM_MARK } from '../../../../src/store/keydir/keydir.js';

const SEED = { k0: 0x03020100, k1: 0x07060504 };

function keydir(recency = true): Keydir {
  return new Keydir({ seed: SEED, recency });
}

function fields(index: Keydir, ref: number): readonly number[] {
  return [
    index.segment(ref),
    index.offset(ref),
    index.length(ref),
    index.seq(ref),
    index.expiresAt(ref),
    index.lastUsedSeconds(ref),
    index.marks(ref),
  ];
}

function setFields(index: Keydir, ref: number, to: readonly number[]): void {
  index.setLocation(ref, to[0]!, to[1]!, to[2]!);
  index.setSeq(ref, to[3]!);
  index.setExpiresAt(ref, to[4]!);
  index.setLastUsedSeconds(ref, to[5]!);
  index.setMarks(ref, to[6]!);
}

/** Gives numbers from 0 to `max`, the ends often. */
function u(max: number): fc.Arbitrary<number> {
  return fc.oneof(
    fc.constantFrom(0, 1, max),
    fc.maxSafeNat().map((n) => n % max),
  );
}

function numbered(n: number): Buffer {
  return Buffer.from(`a key of a test ${n}`);
}

function longer(n: number): Buffer {
  return Buffer.from(`a somewhat longer key of a test ${n}`);
}

function walkAll(index: Keydir, budget: number): string[] {
  const keys: string[] = [];
  let cursor = 0;
  do {
    cursor = index.walk(cursor, budget, (ref) => keys.push(index.key(ref).toString('latin1')));
  } while (cursor !== 0);
  return keys;
}

describe('Keydir', () => {
  it('find() gives 0 for a key of an empty keydir', () => {
    expect(keydir().find(Buffer.from('a'))).to.equal(0);
    expect(keydir().count).to.equal(0);
    expect(keydir().oldest).to.equal(0);
    expect(keydir().walk(0, 10, () => expect.fail())).to.equal(0);
  });

  it('insert() gives a ref whose fields are all 0, also in the place of a removed key', () => {
    const index = keydir();
    const first = index.insert(Buffer.from('one'));
    setFields(index, first, [9, 8, 8, 7, 7, 7, 7]);
    index.remove(first);
    const second = index.insert(Buffer.from('two'));
    expect(second, 'the record is used again').to.equal(first);
    expect(fields(index, second)).to.deep.equal([0, 0, 0, 0, 0, 0, 0]);
    expect(index.find(Buffer.from('one'))).to.equal(0);
  });

  it('insert() refuses an existing key, an empty key and a key over 65,535 bytes', () => {
    const index = keydir();
    index.insert(Buffer.from('one'));
    expect(() => index.insert(Buffer.from('one'))).to.throw('absent');
    expect(() => index.insert(Buffer.alloc(0))).to.throw('65,535');
    expect(() => index.insert(Buffer.alloc(65_536))).to.throw('65,535');
    expect(index.find(Buffer.alloc(65_536))).to.equal(0);
  });

  it('setters hold every value of their range, and change no other field', () => {
    const entry = fc.tuple(
      u(0xffff),
      u(0xffffffff).map((n) => n * 8),
      u(2 ** 27 - 1).map((n) => n * 8),
      u(SEQ_MAX),
      u(2 ** 48 - 1),
      u(0xffffffff),
      u(31),
    );
    fc.assert(
      fc.property(entry, entry, fc.uint8Array({ minLength: 1 }), (before, after, key) => {
        const index = keydir();
        const ref = index.insert(key);
        setFields(index, ref, before);
        expect(fields(index, ref)).to.deep.equal(before);
        for (let at = 3; at < 7; at += 1) {
          const mixed = [...before.slice(0, at), after[at]!, ...before.slice(at + 1)];
          setFields(index, ref, mixed);
          expect(fields(index, ref)).to.deep.equal(mixed);
        }
        setFields(index, ref, after);
        expect(fields(index, ref)).to.deep.equal(after);
        expect(index.key(ref)).to.deep.equal(Buffer.from(key));
      }),
    );
  });

  it('setters refuse values out of range', () => {
    const index = keydir();
    const ref = index.insert(Buffer.from('k'));
    expect(() => index.setLocation(ref, 65_536, 0, 0)).to.throw('slot');
    expect(() => index.setLocation(ref, 0, 4, 0)).to.throw('offset');
    expect(() => index.setLocation(ref, 0, 2 ** 35, 0)).to.throw('offset');
    expect(() => index.setLocation(ref, 0, 0, 2 ** 30)).to.throw('length');
    expect(() => index.setLocation(ref, 0, 0, 12)).to.throw('length');
    expect(() => index.setSeq(ref, SEQ_MAX + 1)).to.throw('seq');
    expect(() => index.setExpiresAt(ref, 2 ** 48)).to.throw('expiry');
    expect(() => index.setExpiresAt(ref, -1)).to.throw('expiry');
    expect(() => index.setLastUsedSeconds(ref, 2 ** 32)).to.throw('Seconds');
    expect(() => index.setMarks(ref, 32)).to.throw('Marks');
    expect(fields(index, ref)).to.deep.equal([0, 0, 0, 0, 0, 0, 0]);
  });

  it('ITEM_MARK has a bit for each mark', () => {
    const all = Object.values(ITEM_MARK).reduce((sum, bit) => sum + bit, 0);
    expect(all).to.equal(31);
  });

  it('key() gives back keys of all lengths from 1 to 65,535 bytes', () => {
    const index = keydir(false);
    const lengths = [1, 2, 3, 4, 5, 7, 8, 250, 251, 1000, 65_533, 65_534, 65_535];
    const keys = lengths.flatMap((length) =>
      [0, 1, 255].map((first) => Buffer.alloc(length, length).fill(first, 0, 1)),
    );
    const refs = keys.map((key) => index.insert(key));
    for (const [at, key] of keys.entries()) {
      expect(index.find(key)).to.equal(refs[at]);
      expect(index.key(refs[at]!).equals(key)).to.equal(true);
      expect(index.keyLength(refs[at]!)).to.equal(key.length);
    }
    expect(walkAll(index, 3)).to.have.length(keys.length);
  });

  it('clear() forgets every key, and keys can be inserted again', () => {
    const index = keydir();
    for (let n = 0; n < 5000; n += 1) index.insert(Buffer.from(`key-${n}`));
    index.clear();
    expect(index.count).to.equal(0);
    expect(index.oldest).to.equal(0);
    expect(index.find(Buffer.from('key-1'))).to.equal(0);
    expect(walkAll(index, 100)).to.deep.equal([]);
    const ref = index.insert(Buffer.from('key-1'));
    expect(index.find(Buffer.from('key-1'))).to.equal(ref);
    expect(index.oldest).to.equal(ref);
  });

  it('grows to many keys and shrinks again, and finds every key at each size', () => {
    const index = keydir(false);
    const total = 64_000;
    // Counts the keys that are found or absent as `stays` says.
    const right = (upto: number, stays: (n: number) => boolean): number => {
      let count = 0;
      for (let n = 0; n < upto; n += 1) {
        const ref = index.find(numbered(n));
        if (stays(n) ? ref !== 0 && index.seq(ref) === n : ref === 0) count += 1;
      }
      return count;
    };
    for (let n = 0; n < total; n += 1) index.setSeq(index.insert(numbered(n)), n);
    const full = index.memoryBytes;
    expect(right(2 * total, (n) => n < total)).to.equal(2 * total);

    for (let n = 0; n < total; n += 1) if (n % 16 !== 0) index.remove(index.find(numbered(n)));
    expect(index.count).to.equal(total / 16);
    expect(right(total, (n) => n % 16 === 0)).to.equal(total);

    const few = index.memoryBytes;
    for (let n = 0; n < total; n += 1) if (n % 16 !== 0) index.insert(numbered(n));
    expect(index.memoryBytes - few, 'freed records are used again').to.be.lessThan(full / 5);
  });
});

describe('Keydir memory', () => {
  it('frees pages when their keys are gone, and keys of another length use them', () => {
    const index = keydir();
    const total = 60_000;
    for (let n = 0; n < total; n += 1) index.insert(numbered(n));
    const full = index.memoryBytes;
    for (let n = 0; n < total - 1000; n += 1) index.remove(index.find(numbered(n)));
    expect(index.memoryBytes).to.be.lessThan(full / 2);
    for (let n = 0; n < total / 2; n += 1) index.insert(longer(n));
    expect(index.memoryBytes).to.be.at.most(full);
    let right = 0;
    for (let n = 0; n < total / 2; n += 1) if (index.find(longer(n)) !== 0) right += 1;
    for (let n = total - 1000; n < total; n += 1) if (index.find(numbered(n)) !== 0) right += 1;
    expect(right).to.equal(total / 2 + 1000);
    expect(walkAll(index, 1000)).to.have.length(total / 2 + 1000);
  });

  it('walk() goes on when visit() empties the page that it is in and fills another', () => {
    const index = keydir();
    const total = 60_000;
    for (let n = 0; n < total; n += 1) index.insert(numbered(n));
    const stays = index.insert(Buffer.from('stays'));
    let visits = 0;
    let comers = 0;
    let cursor = 0;
    do {
      cursor = index.walk(cursor, 5000, (ref) => {
        if (ref === stays) visits += 1;
        else if (index.key(ref).toString().startsWith('a key')) index.remove(ref);
        if (comers < 50_000) index.insert(Buffer.from(`comes while it walks ${comers++}`));
      });
    } while (cursor !== 0);
    expect(visits).to.equal(1);
    expect(index.count).to.equal(50_001);
  });
});

describe('Keydir reserve()', () => {
  it('takes no memory until the keys come, and then no more than growing', () => {
    const grown = keydir();
    const reserved = keydir();
    const empty = reserved.memoryBytes;
    reserved.reserve(100_000);
    expect(reserved.memoryBytes).to.equal(empty);
    for (let n = 0; n < 100_000; n += 1) {
      reserved.insert(numbered(n));
      grown.insert(numbered(n));
    }
    // memoryBytes counts whole pages of 1 MiB and the scratch memory of growth.
    expect(reserved.memoryBytes).to.be.at.most(grown.memoryBytes + 1024 * 1024);
    let found = 0;
    for (let n = 0; n < 100_000; n += 1) if (reserved.find(numbered(n)) !== 0) found += 1;
    expect(found).to.equal(100_000);
    expect(() => reserved.reserve(1)).to.throw('empty');
  });
});

describe('Keydir recency', () => {
  it('touch() makes a key the newest, and oldest and newer() give keys in the order of use', () => {
    const index = keydir();
    const refs = ['a', 'b', 'c', 'd'].map((key) => index.insert(Buffer.from(key)));
    index.touch(refs[0]!);
    index.touch(refs[2]!);
    index.touch(refs[2]!);
    const order: string[] = [];
    for (let ref = index.oldest; ref !== 0; ref = index.newer(ref)) {
      order.push(index.key(ref).toString());
    }
    expect(order).to.deep.equal(['b', 'd', 'a', 'c']);
  });

  it('touch() does nothing and oldest is 0 without recency', () => {
    const index = keydir(false);
    const ref = index.insert(Buffer.from('a'));
    index.touch(ref);
    expect(index.oldest).to.equal(0);
    expect(() => index.newer(ref)).to.throw('order of use');
    expect(index.key(ref).toString()).to.equal('a');
  });
});
