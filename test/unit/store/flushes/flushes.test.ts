import { expect } from 'chai';
import * as fc from 'fast-check';

import { EntryListBuilder, wordsOf } from '../../../../src/log/bytes/entry-list.js';
import { hashSeed } from '../../../../src/log/bytes/key-hash.js';
import { Flushes } from '../../../../src/store/flushes/flushes.js';
import { Keydir } from '../../../../src/store/keydir/keydir.js';
import { RECORDS, frameOf } from '../../../support/example-log.js';
import { seeded } from '../../../support/seed.js';

const SEED = hashSeed(Buffer.from('flushes!'));
const ALL = Infinity;

/** Flushes over a keydir of which only keys and seqs count; all is durable unless a test sets `watermark`. */
class Case {
  readonly flushes = new Flushes(SEED);
  readonly keydir = new Keydir({ seed: SEED, recency: false });
  watermark = ALL;

  flush(seq: number, prefix = ''): () => void {
    return this.flushes.add(seq, Buffer.from(prefix), this.watermark);
  }

  killer(seq: number, key = 'k', seqMax = ALL): number {
    const name = Buffer.from(key);
    const ref = this.keydir.find(name) || this.keydir.insert(name);
    this.keydir.setSeq(ref, seq);
    return this.flushes.killerOf(this.keydir, ref, seqMax);
  }
}

describe('Flushes', () => {
  it('killerOf() gives the flush of an item with a smaller seq, and none for a later item', () => {
    const each = new Case();
    each.flush(10);
    expect([9, 10, 11].map((seq) => each.killer(seq))).to.deep.equal([10, 0, 0]);
  });

  it('killerOf() gives the flush of a prefix only for keys that begin with it, whatever its length', () => {
    for (const prefix of ['a', 'ab', 'abc', 'abcd', 'abcde', 'x'.repeat(250)]) {
      const each = new Case();
      each.flush(10, prefix);
      expect(each.killer(1, `${prefix}z`), prefix).to.equal(10);
      expect(each.killer(1, prefix), prefix).to.equal(10);
      for (const key of [prefix.slice(0, -1), `z${prefix}`, prefix.toUpperCase()]) {
        if (key !== '') expect(each.killer(1, key), key).to.equal(0);
      }
    }
  });

  it('killerOf() gives no flush above seqMax, and the older flush when the newer one is not durable', () => {
    for (const prefix of ['', 'k']) {
      const each = new Case();
      each.flush(20, prefix);
      each.watermark = 20;
      each.flush(30, prefix);
      expect(each.killer(5, 'k', 20)).to.equal(20);
      expect(each.killer(25, 'k', 20)).to.equal(0);
      expect(each.killer(25, 'k', 30)).to.equal(30);
      expect(each.killer(5, 'k', 19)).to.equal(0);
    }
  });

  it('add() can be undone newest first, also a flush of everything and the prefixes that it replaced', () => {
    const each = new Case();
    each.watermark = 0;
    const undos = [each.flush(10, 'k'), each.flush(20), each.flush(30, 'k'), each.flush(40, 'k')];
    const seen: number[] = [];
    for (const undo of undos.toReversed()) {
      seen.push(each.killer(5));
      undo();
    }
    expect(seen).to.deep.equal([20, 20, 20, 10]);
    expect(each.flushes.isOpen).to.equal(false);
    expect(each.killer(5)).to.equal(0);
    expect(each.flushes.isRetired(10)).to.equal(true);
  });

  it('retire() forgets the closed flushes, and no flush that came since', () => {
    const each = new Case();
    each.flush(10);
    each.flush(20, 'k');
    expect(each.flushes.close()).to.equal(1);
    each.flush(30, 'kk');
    expect([10, 20, 30].map((seq) => each.flushes.isRetired(seq))).to.deep.equal([
      false,
      false,
      false,
    ]);
    each.flushes.retire(1);
    expect([10, 20, 30].map((seq) => each.flushes.isRetired(seq))).to.deep.equal([
      true,
      true,
      false,
    ]);
    expect(each.killer(5)).to.equal(0);
    expect(each.killer(5, 'kk')).to.equal(30);
    expect(each.flushes.newest).to.equal(30);
    each.flushes.close();
    each.flushes.retire(1);
    expect(each.flushes.isOpen).to.equal(false);
  });

  it('replay() takes flush records in any order', () => {
    const records = [
      { ...RECORDS['delete-prefix']!, key: Buffer.from('ab'), seq: 10 },
      { ...RECORDS['flush']!, seq: 20 },
      { ...RECORDS['delete-prefix']!, key: Buffer.from('abc'), seq: 30 },
    ];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const each = new Case();
      for (const at of order) {
        const record = records[at]!;
        const list = new EntryListBuilder();
        list.addFrame(frameOf(record, 64), 0, 64);
        each.flushes.replay(record.seq, wordsOf(list), 8, record.key.length);
      }
      const seen = [each.killer(5, 'abc'), each.killer(25, 'abc'), each.killer(25, 'ab')];
      expect(seen[0]).to.be.oneOf([10, 20, 30]);
      expect(seen.slice(1)).to.deep.equal([30, 0]);
      expect(each.killer(15, 'x')).to.equal(20);
    }
  });

  it('restore() of the state and the words gives the same answers', () => {
    const each = new Case();
    for (let seq = 1; seq <= 2000; seq += 1) each.flush(seq, `p${seq % 700}:`);
    each.flushes.close();
    each.flush(3000);
    each.flushes.promises.add({ seq: 3001, atMs: 7, slot: 0 });
    const copy = new Case();
    copy.flushes.restore(structuredClone(each.flushes.state));
    const target = copy.flushes.words;
    for (const [at, words] of each.flushes.words.entries()) target[at]!.set(words);
    for (const key of ['p1:x', 'p699:', 'p700:', 'x']) {
      for (const seq of [1, 1400, 1999, 2999, 3000]) {
        expect(copy.killer(seq, key, 2500)).to.equal(each.killer(seq, key, 2500));
        expect(copy.killer(seq, key)).to.equal(each.killer(seq, key));
      }
    }
    expect(copy.flushes.promises.nextMs).to.equal(7);
    copy.flushes.clear();
    expect(copy.flushes.isOpen).to.equal(false);
    expect(copy.flushes.promises.nextMs).to.equal(ALL);
  });

  it('gives the same answer for every item as a plain list of the flushes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), checkAgainstList),
      seeded('Flushes', 400),
    );
  });
});

const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 9 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('flush' as const), name }) },
  ...(['flushAll', 'commit', 'fail', 'close', 'retire'] as const).map((each) => ({
    weight: 1,
    arbitrary: fc.record({ do: fc.constant(each), name }),
  })),
);

interface Change {
  readonly seq: number;
  readonly prefix: string;
  readonly undo: () => void;
}

/** Does the same steps on Flushes and on a list, and compares them for every item after each step. */
function checkAgainstList(steps: readonly { readonly do: string; readonly name: string }[]): void {
  const { flushes, keydir } = new Case();
  let list: Change[] = [];
  let seq = 0;
  let watermark = 0;
  const killed = (itemSeq: number, key: string, seqMax: number): boolean =>
    list.some((each) => itemSeq < each.seq && each.seq <= seqMax && key.startsWith(each.prefix));
  for (const { do: action, name: key } of steps) {
    if (action === 'put') {
      seq += 1;
      const ref = keydir.find(Buffer.from(key)) || keydir.insert(Buffer.from(key));
      keydir.setSeq(ref, seq);
    } else if (action === 'flush' || action === 'flushAll') {
      seq += 1;
      const prefix = action === 'flush' ? key : '';
      list.push({ seq, prefix, undo: flushes.add(seq, Buffer.from(prefix), watermark) });
    } else if (action === 'commit') watermark = seq;
    else if (action === 'fail') {
      for (const each of list.toReversed()) if (each.seq > watermark) each.undo();
      list = list.filter((each) => each.seq <= watermark);
      watermark = seq;
    } else if (action === 'close') flushes.close();
    else if (watermark === seq) {
      const sets = flushes.close();
      walk(keydir, (ref, itemKey) => {
        if (killed(keydir.seq(ref), itemKey, seq)) keydir.remove(ref);
      });
      flushes.retire(sets);
      list = [];
    }
    walk(keydir, (ref, itemKey) => {
      const itemSeq = keydir.seq(ref);
      for (const seqMax of [ALL, watermark]) {
        const killer = flushes.isOpen ? flushes.killerOf(keydir, ref, seqMax) : 0;
        const isKilled = killed(itemSeq, itemKey, seqMax);
        // Of two unsynced flushes the older may be forgotten; the items that it kills are then found later.
        if (seqMax === ALL || watermark === seq) expect(killer !== 0).to.equal(isKilled);
        else if (killer !== 0) expect(isKilled).to.equal(true);
        if (killer === 0) continue;
        const found = list.find((each) => each.seq === killer);
        expect(found !== undefined && itemKey.startsWith(found.prefix)).to.equal(true);
        expect(killer > itemSeq && killer <= seqMax).to.equal(true);
      }
    });
    for (const each of list) expect(flushes.isRetired(each.seq)).to.equal(false);
    expect(flushes.newest).to.equal(list.at(-1)?.seq ?? 0);
  }
}

function walk(keydir: Keydir, visit: (ref: number, key: string) => void): void {
  let cursor = 0;
  do {
    cursor = keydir.walk(cursor, 1000, (ref) => visit(ref, keydir.key(ref).toString()));
  } while (cursor !== 0);
}
