// The calls list(), compact(), snapshot() and stats(), and large values.

import { expect } from 'chai';

import { MIB } from '../../src/limits.js';
import type { Subject } from './subject.js';

/** Returns bytes that differ at every place. */
function pattern(bytes: number, seed: number): Buffer {
  const piece = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) piece[at] = (at * 31 + (at >> 8) * 7 + seed) & 0xff;
  return piece;
}

/** A store without large values refuses the put and keeps the old value; then there is nothing more to try. */
async function refusesLarge(s: Subject): Promise<boolean> {
  if (s.offers.largeValues) return false;
  await s.set('k', 'old');
  expect((await s.set('k', 'x'.repeat(MIB + 1))).status).to.equal('too-large');
  expect(await s.value('k')).to.equal('old');
  return true;
}

export function listingGroup(subject: () => Subject): void {
  describe('list()', () => {
    it('gives every live key once, with any page size', async () => {
      const s = subject();
      expect(await s.listAll(10)).to.deep.equal([]);
      const expiresAt = s.store.nowMs() + 60_000;
      for (let at = 0; at < 50; at++) await s.set(`k${at}`, 'x'.repeat(at), { expiresAt });
      for (let at = 0; at < 50; at += 5) await s.delete(`k${at}`);
      await s.set('expired', 'x', { expiresAt: 1 });
      const expected = Array.from({ length: 50 }, (_, at) => `k${at}`).filter(
        (_, at) => at % 5 !== 0,
      );
      for (const limit of [1, 7, 1000]) {
        const entries = await s.listAll(limit);
        const keys = entries.map((entry) => entry.key.toString());
        expect(keys.sort()).to.deep.equal(expected.toSorted());
        for (const entry of entries) expect(entry.expiresAt).to.equal(expiresAt);
      }
      const [entry] = await s.listAll(1000);
      expect(entry?.cas).to.equal((await s.get(entry?.key.toString() ?? ''))?.cas);
    });

    it('lists keys that stay exactly once while others come and go', async () => {
      const s = subject();
      for (let at = 0; at < 100; at++) await s.set(`stay${at}`, 'x');
      const seen: string[] = [];
      let cursor = 0;
      let round = 0;
      do {
        const page = await s.list(cursor, 10);
        seen.push(...page.entries.map((entry) => entry.key.toString()));
        cursor = page.cursor;
        for (let at = 0; at < (round < 20 ? 20 : 0); at++) await s.set(`new${round}-${at}`, 'x');
        if (round > 0) await s.delete(`new${round - 1}-3`);
        round++;
      } while (cursor !== 0 && round < 1000);
      const stayed = seen.filter((key) => key.startsWith('stay'));
      expect(stayed.length).to.equal(100);
      expect(new Set(stayed).size).to.equal(100);
    });
  });

  describe('openLargeValue()', () => {
    it('takes a value in pieces and gives it back in different ones', async () => {
      const s = subject();
      if (await refusesLarge(s)) return;
      const pieces = [pattern(700_000, 1), pattern(MIB, 2), pattern(3, 3)];
      const whole = Buffer.concat(pieces);
      const done = await s.putLarge('big', pieces, { flags: 6 });
      expect(done).to.include({ status: 'stored', valueBytes: whole.length });
      const found = await s.get('big');
      expect(found).to.include({ flags: 6, cas: done.cas });
      expect(Buffer.from(found?.value ?? '', 'latin1').equals(whole)).to.equal(true);
    });

    it('replaces and is replaced by a small value, and is deleted', async () => {
      const s = subject();
      if (await refusesLarge(s)) return;
      const piece = pattern(2 * MIB, 5);
      await s.set('k', 'small');
      await s.putLarge('k', [piece]);
      expect((await s.value('k'))?.length).to.equal(piece.length);
      await s.set('k', 'small again');
      expect(await s.value('k')).to.equal('small again');
      await s.putLarge('k', [piece]);
      expect((await s.delete('k')).status).to.equal('deleted');
      expect(await s.value('k')).to.equal(undefined);
    });

    it('abort() leaves nothing, and a refused put keeps the old value', async () => {
      const s = subject();
      if (await refusesLarge(s)) return;
      const writer = await s.wait(s.store.openLargeValue());
      await s.wait(writer.write(pattern(MIB, 1)));
      await s.wait(writer.abort());
      await s.set('k', 'old');
      const refused = await s.putLarge('k', [pattern(2 * MIB, 2)], { mode: 'add' });
      expect(refused.status).to.equal('not-stored');
      expect(await s.value('k')).to.equal('old');
    });
  });

  describe('compact() and snapshot()', () => {
    it('do not change anything that a client sees', async () => {
      const s = subject();
      for (let round = 0; round < 5; round++) {
        for (let at = 0; at < 30; at++) await s.set(`k${at}`, `${round}-${at}`, { flags: at });
      }
      for (let at = 0; at < 30; at += 3) await s.delete(`k${at}`);
      await s.durable();
      if (!s.offers.files) {
        for (const refused of [s.store.compact(), s.store.snapshot()]) {
          const error = await refused.catch((cause: unknown) => cause);
          expect(error).to.include({ code: 'KV_BAD_OPTION' });
        }
        return;
      }
      const before = await Promise.all(Array.from({ length: 30 }, (_, at) => s.get(`k${at}`)));
      await s.wait(s.store.compact({ everything: true }));
      const report = await s.wait(s.store.snapshot());
      expect(report.count).to.equal(20);
      const after = await Promise.all(Array.from({ length: 30 }, (_, at) => s.get(`k${at}`)));
      const seen = (reads: typeof before): unknown =>
        reads.map((read) => [read?.value, read?.flags, read?.cas]);
      expect(seen(after)).to.deep.equal(seen(before));
    });
  });

  describe('stats()', () => {
    it('counts the items', async () => {
      const s = subject();
      for (const key of ['a', 'b', 'c']) await s.set(key, 'x');
      await s.delete('b');
      if (!s.offers.exactCount) {
        expect(s.store.stats().get('curr_items')).to.be.a('number');
        return;
      }
      expect(s.store.stats().get('curr_items')).to.equal(2);
      s.store.resetStats();
      expect(s.store.stats().get('curr_items')).to.equal(2);
    });
  });
}
