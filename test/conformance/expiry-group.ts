// Expiry, touch and flush follow the store's clock: never early, never late.

import { expect } from 'chai';

import type { Subject } from './subject.js';

export function expiryGroup(subject: () => Subject): void {
  describe('expiry', () => {
    it('an item is there until its time and gone from then on', async () => {
      const s = subject();
      const expiresAt = s.store.nowMs() + 60_000;
      await s.set('k', 'x', { expiresAt });
      await s.fixture.advance(expiresAt - s.store.nowMs() - 5000);
      expect(await s.value('k')).to.equal('x');
      await s.fixture.advance(expiresAt - s.store.nowMs() + 1);
      // A sweep may have removed it already: then it is absent.
      const missed = await s.lookup('k');
      expect(missed.kind === 'miss' && missed.reason).to.be.oneOf(['expired', 'absent']);
      expect((await s.delete('k')).status).to.equal('not-found');
      expect((await s.touch('k', 0)).status).to.equal('not-found');
      expect((await s.put('replace', 'k', 'y')).status).to.equal('not-stored');
      expect((await s.put('append', 'k', 'y')).status).to.equal('not-stored');
    });

    it('an expiry in the past takes effect at once', async () => {
      const s = subject();
      expect((await s.set('k', 'x', { expiresAt: 1 })).status).to.equal('stored');
      expect(await s.value('k')).to.equal(undefined);
    });

    it('touch() and reading with expiresAt set a new expiry, and touch() keeps the token', async () => {
      const s = subject();
      const { cas } = await s.set('k', 'x', { flags: 3 });
      const soon = s.store.nowMs() + 20_000;
      expect(await s.touch('k', soon)).to.include({ status: 'touched' });
      expect(await s.get('k')).to.include({ value: 'x', flags: 3, cas, expiresAt: soon });
      const later = soon + 60_000;
      const read = await s.get('k', { expiresAt: later });
      expect(read).to.include({ value: 'x', flags: 3, cas });
      expect((await s.get('k'))?.expiresAt).to.equal(later);
      await s.fixture.advance(30_000);
      expect(await s.value('k')).to.equal('x');
      await s.touch('k', 0);
      await s.fixture.advance(90_000);
      expect(await s.get('k')).to.include({ value: 'x', expiresAt: 0 });
      await s.touch('k', 1);
      expect(await s.value('k')).to.equal(undefined);
    });

    it('touch() of a missing key finds nothing', async () => {
      expect((await subject().touch('k', 0)).status).to.equal('not-found');
    });
  });

  describe('deletePrefix()', () => {
    it('removes the items whose key has the prefix, and no others', async () => {
      const s = subject();
      for (const key of ['a:1', 'a:2', 'a', 'b:1']) await s.set(key, key);
      expect((await s.deletePrefix('a:')).status).to.equal('ok');
      expect(await s.value('a:1')).to.equal(undefined);
      expect(await s.value('a:2')).to.equal(undefined);
      expect(await s.value('a')).to.equal('a');
      expect(await s.value('b:1')).to.equal('b:1');
    });

    it('leaves items that are stored after it', async () => {
      const s = subject();
      await s.set('a:1', 'old');
      await s.deletePrefix('a:');
      await s.set('a:1', 'new');
      expect(await s.value('a:1')).to.equal('new');
    });
  });

  describe('flush()', () => {
    it('removes existing items and none that are stored later', async () => {
      const s = subject();
      for (const key of ['a', 'b']) await s.set(key, 'x');
      expect((await s.flush(0)).status).to.equal('ok');
      const reason = s.offers.flushedMisses ? 'flushed' : 'absent';
      expect(await s.lookup('a')).to.include({ kind: 'miss', reason });
      await s.set('b', 'new');
      expect(await s.value('b')).to.equal('new');
      expect((await s.put('add', 'a', 'again')).status).to.equal('stored');
      expect(await s.value('a')).to.equal('again');
    });

    it('acts at its time when that is later, on all items stored before that time', async () => {
      const s = subject();
      for (const key of ['old', 'touched', 'changed', 'replaced']) await s.set(key, '1');
      if (!s.offers.delayedFlush) {
        const refused = await s.flush(s.store.nowMs() + 10_000);
        expect(refused.status).to.equal('not-offered');
        await s.fixture.advance(10_001);
        expect(await s.value('old')).to.equal('1');
        return;
      }
      await s.flush(s.store.nowMs() + 10_000);
      await s.touch('touched', s.store.nowMs() + 900_000);
      await s.change('incr', 'changed', 1n);
      await s.set('replaced', 'x');
      await s.set('new', 'x');
      expect(await s.value('old')).to.equal('1');
      await s.fixture.advance(10_001);
      const values = await Promise.all(
        ['old', 'touched', 'changed', 'replaced', 'new'].map((key) => s.value(key)),
      );
      expect(values).to.deep.equal([undefined, undefined, undefined, undefined, undefined]);
      await s.set('new', 'y');
      expect((await s.put('add', 'old', 'z')).status).to.equal('stored');
      await s.fixture.advance(20_000);
      expect([await s.value('new'), await s.value('old')]).to.deep.equal(['y', 'z']);
    });
  });
}
