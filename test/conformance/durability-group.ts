// `after` and the watermark (promises 1 and 2): which answers must wait for the disk, and for which seq.

import { expect } from 'chai';

import type { Outcome } from '../../src/store/store.js';
import { kept } from '../support/kept-lookup.js';
import type { Subject } from './subject.js';

export function durabilityGroup(subject: () => Subject): void {
  describe('after', () => {
    it('a change waits for its own seq, which becomes durable', async () => {
      const s = subject();
      const done = await s.set('k', 'x');
      if (!s.offers.answersEarly) {
        expect(done.after).to.equal(0);
        return;
      }
      expect(done.after).to.be.within(1, s.store.durability.lastSeq);
      await s.durable(done.after);
      expect(s.store.durability.watermark).to.be.at.least(done.after);
    });

    it('an answer that depends on an unsynced change waits for it, any other answer waits for nothing', async () => {
      const s = subject();
      if (!s.offers.answersEarly) return;
      await s.set('other', 'x');
      await s.delete('gone');
      await s.durable();
      const { store } = s;
      const key = Buffer.from('k');
      const change = { mode: 'set', key, value: Buffer.from('1'), flags: 0, expiresAt: 0 } as const;
      // Both changes are in one turn, so that no commit can come between.
      const put = store.put(change);
      const read = kept(store.get(key));
      const other = kept(store.get(Buffer.from('other')));
      const missing = kept(store.get(Buffer.from('gone')));
      const notStored = store.put({ ...change, mode: 'add' });
      const exists = store.put({ ...change, compareCas: 1n });
      const answers = [read, notStored, exists, other, missing].map((each) =>
        s.wait<unknown>(each),
      );
      const first = (await s.wait(put)).after;
      const [afterRead, afterAdd, afterCas, afterOther, afterMissing] = (
        (await Promise.all(answers)) as Outcome[]
      ).map((answer) => answer.after);
      expect(afterRead).to.be.at.least(first);
      expect(afterAdd).to.be.at.least(first);
      expect(afterCas).to.be.at.least(first);
      expect(afterOther).to.be.below(first);
      expect(afterMissing).to.be.below(first);
    });

    it('a miss caused by an unsynced delete or flush waits for it', async () => {
      const s = subject();
      for (const key of ['a', 'b']) await s.set(key, 'x');
      await s.durable();
      const deleted = s.store.delete({ key: Buffer.from('a') });
      const missA = kept(s.store.get(Buffer.from('a')));
      const flushed = await s.flush(0);
      const missB = kept(s.store.get(Buffer.from('b')));
      expect((await s.wait(missA)).after).to.be.at.least((await s.wait(deleted)).after);
      expect((await s.wait(missB)).after).to.be.at.least(flushed.after);
    });

    it('once durable, an answer waits for nothing', async () => {
      const s = subject();
      await s.set('k', 'x');
      await s.set('gone', 'x');
      await s.delete('gone');
      await s.durable();
      for (const key of ['k', 'gone', 'never']) {
        expect((await s.lookup(key)).after).to.be.at.most(s.store.durability.watermark);
      }
    });

    it('the watermark only grows and reaches lastSeq', async () => {
      const s = subject();
      const seen: number[] = [];
      s.store.durability.onDurable(() => seen.push(s.store.durability.watermark));
      for (let at = 0; at < 20; at++) {
        await s.set(`k${at % 3}`, String(at));
        if (at % 5 === 0) await s.durable();
      }
      await s.durable();
      expect(s.store.durability.watermark).to.equal(s.store.durability.lastSeq);
      expect(seen).to.deep.equal([...new Set(seen)].sort((a, b) => a - b));
      expect(s.store.durability.congested).to.equal(false);
    });
  });
}
