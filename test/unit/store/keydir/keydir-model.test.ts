// The keydir against a Map: makes random changes, and compares the whole state on the way.
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { HashSeed } from '../../../../src/log/bytes/key-hash.js';
import type { KeydirState } from '../../../../src/store/keydir/state.js';
import { Keydir } from '../../../../src/store/keydir/keydir.js';

type Change =
  | { readonly kind: 'put'; readonly key: string; readonly seq: number }
  | { readonly kind: 'remove' | 'touch' | 'find'; readonly key: string }
  | { readonly kind: 'walk'; readonly budget: number }
  | { readonly kind: 'image' };

/** Gives few keys of many lengths, so that keys repeat, and records are recycled and split. */
const key = fc
  .tuple(fc.nat({ max: 6 }), fc.constantFrom(1, 3, 4, 20, 21, 250, 16_000, 65_535))
  .map(([n, length]) => String.fromCodePoint(n + 65).repeat(length));
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), key, seq: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove'), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('touch', 'find'), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('image') }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('walk'), budget: fc.integer({ min: 1, max: 9 }) }),
  },
);

/** The model. A Map keeps the order of insertion, so a used key is removed and inserted again. */
class Model {
  readonly seqs = new Map<string, number>();
  /** The keys that the walk in progress must still visit. */
  due = new Set<string>();
  cursor = 0;

  use(key: string): void {
    const seq = this.seqs.get(key);
    if (seq === undefined) return;
    this.seqs.delete(key);
    this.seqs.set(key, seq);
  }
}

/** Returns a copy, as a start makes it from an image. */
function restored(keydir: Keydir, seed: HashSeed): Keydir {
  const state = JSON.parse(JSON.stringify(keydir.state)) as KeydirState;
  const copy = new Keydir({ seed: { k0: 0, k1: 0 }, recency: true });
  expect(copy.restore(state, seed)).to.equal(true);
  const from = keydir.words;
  for (const [index, words] of copy.words.entries()) words.set(from[index]!);
  expect(copy.words.length).to.equal(from.length);
  return copy;
}

function apply(keydir: Keydir, model: Model, change: Exclude<Change, { kind: 'image' }>): void {
  if (change.kind === 'walk') {
    walk(keydir, model, change.budget);
    return;
  }
  const bytes = Buffer.from(change.key, 'latin1');
  let ref = keydir.find(bytes);
  expect(ref !== 0).to.equal(model.seqs.has(change.key));
  if (change.kind === 'put') {
    if (ref === 0) ref = keydir.insert(bytes);
    else keydir.touch(ref);
    keydir.setSeq(ref, change.seq);
    model.use(change.key);
    model.seqs.set(change.key, change.seq);
  } else if (change.kind === 'remove') {
    if (ref !== 0) keydir.remove(ref);
    model.seqs.delete(change.key);
    model.due.delete(change.key);
  } else if (change.kind === 'touch' && ref !== 0) {
    keydir.touch(ref);
    model.use(change.key);
  }
}

function walk(keydir: Keydir, model: Model, budget: number): void {
  if (model.cursor === 0) model.due = new Set(model.seqs.keys());
  const seen = new Set<string>();
  model.cursor = keydir.walk(model.cursor, budget, (ref) => {
    const key = keydir.key(ref).toString('latin1');
    expect(model.seqs.has(key), 'only live keys are visited').to.equal(true);
    expect(seen.has(key), 'no key twice').to.equal(false);
    seen.add(key);
    model.due.delete(key);
  });
  expect(seen.size).to.be.at.most(budget);
  if (model.cursor === 0) expect([...model.due], 'every key that stayed').to.deep.equal([]);
}

function compare(keydir: Keydir, model: Model): void {
  expect(keydir.count).to.equal(model.seqs.size);
  let ref = keydir.oldest;
  for (const [key, seq] of model.seqs) {
    expect(ref).to.equal(keydir.find(Buffer.from(key, 'latin1')));
    expect(keydir.seq(ref)).to.equal(seq);
    expect(keydir.key(ref).toString('latin1') === key).to.equal(true);
    ref = keydir.newer(ref);
  }
  expect(ref).to.equal(0);
}

describe('Keydir against a Map', () => {
  it('find(), insert(), remove(), touch(), walk() and restore() agree after any changes', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 300 }),
        fc.integer(),
        fc.integer(),
        (changes, k0, k1) => {
          let keydir = new Keydir({ seed: { k0, k1 }, recency: true });
          const model = new Model();
          for (const [at, change] of changes.entries()) {
            if (change.kind === 'image') keydir = restored(keydir, { k0, k1 });
            else apply(keydir, model, change);
            if (at % 32 === 0) compare(keydir, model);
          }
          while (model.cursor !== 0) walk(keydir, model, 9);
          compare(keydir, model);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('walk() visits a key that stays exactly once while thousands come and go', () => {
    fc.assert(
      fc.property(fc.integer(), (k0) => {
        const keydir = new Keydir({ seed: { k0, k1: 1 }, recency: false });
        const stay = new Map<number, number>();
        for (let n = 0; n < 6000; n += 1) {
          const ref = keydir.insert(Buffer.from(`key ${n}`));
          keydir.setSeq(ref, n);
          if (n % 3 === 0) stay.set(n, 0);
        }
        let cursor = 0;
        let turn = 0;
        do {
          cursor = keydir.walk(cursor, 97, (ref) => {
            const visits = stay.get(keydir.seq(ref));
            if (visits !== undefined) stay.set(keydir.seq(ref), visits + 1);
            else keydir.remove(ref);
          });
          for (let n = turn; n < turn + 40; n += 1) {
            const leaver = keydir.find(Buffer.from(`key ${n * 3 + 1}`));
            if (leaver !== 0) keydir.remove(leaver);
            const comer = keydir.insert(Buffer.from(`a longer key, inserted later ${n}`));
            keydir.setSeq(comer, 1_000_000 + n);
          }
          turn += 40;
        } while (cursor !== 0);
        expect([...stay.values()].every((visits) => visits === 1)).to.equal(true);
      }),
      { numRuns: 5 },
    );
  });

  it('walk() takes any number as a cursor', () => {
    const keydir = new Keydir({ seed: { k0: 1, k1: 2 }, recency: true });
    for (let n = 0; n < 3000; n += 1) keydir.insert(Buffer.from(`key ${n}`));
    fc.assert(
      fc.property(fc.oneof(fc.nat(), fc.nat({ max: 100_000 }), fc.double()), (cursor) => {
        keydir.walk(cursor, 50, (ref) => {
          expect(keydir.find(keydir.key(ref))).to.equal(ref);
        });
      }),
    );
  });
});
