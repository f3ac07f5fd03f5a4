// A restart keeps everything that was durable, however the process ended (promises 3 and 8).

import { expect } from 'chai';

import { MIB } from '../../src/limits.js';
import type { Subject } from './subject.js';

async function reopen({ fixture }: Subject, how: 'close' | 'kill'): Promise<void> {
  if (fixture.reopen === undefined) throw new Error('This environment keeps nothing');
  await fixture.reopen(how);
}

export function restartGroup(subject: () => Subject, how: 'close' | 'kill'): void {
  const restart = (): Promise<void> => reopen(subject(), how);

  describe(`restart by ${how}`, () => {
    it('keeps values, flags, tokens and expiry, and deletes stay', async () => {
      const s = subject();
      const expiresAt = s.store.nowMs() + 500_000;
      await s.set('a', 'x', { flags: 77, expiresAt });
      await s.set('chosen', 'y', { chosenCas: 2n ** 64n - 2n });
      await s.set('n', '9');
      await s.change('incr', 'n', 1n);
      await s.put('append', 'a', 'z');
      await s.set('gone', 'x');
      await s.delete('gone');
      await s.set('touched', 'x');
      await s.touch('touched', expiresAt);
      const keys = ['a', 'chosen', 'n', 'gone', 'touched'];
      await s.durable();
      const before = await Promise.all(keys.map((key) => s.get(key, { quiet: true })));
      const last = s.store.durability.lastSeq;
      for (let round = 0; round < 2; round++) {
        await restart();
        const after = await Promise.all(keys.map((key) => s.get(key, { quiet: true })));
        const seen = (reads: typeof before): unknown =>
          reads.map((read) => [read?.value, read?.flags, read?.cas, read?.expiresAt]);
        expect(seen(after)).to.deep.equal(seen(before));
      }
      expect(s.store.durability.lastSeq).to.be.at.least(last);
      const next = await s.set('next', 'x');
      expect(next.after).to.be.greaterThan(last);
      await s.durable();
    });

    it('keeps the marks of invalidated items', async () => {
      const s = subject();
      for (const key of ['stale', 'won']) {
        await s.set(key, 'x');
        await s.delete(key, { invalidate: true });
      }
      expect(await s.get('won', { win: true })).to.include({ wins: true });
      await s.durable();
      await restart();
      expect(await s.get('won', { win: true })).to.include({ stale: true, won: true, wins: false });
      expect(await s.get('stale', { win: true })).to.include({ stale: true, wins: true });
    });

    it('items deleted by prefix stay gone, with a compaction in between', async () => {
      const s = subject();
      for (const key of ['a:1', 'a:2', 'b:1']) await s.set(key, key);
      await s.deletePrefix('a:');
      await s.set('a:2', 'new');
      await s.durable();
      for (let round = 0; round < 2; round++) {
        await restart();
        expect(await s.value('a:1')).to.equal(undefined);
        expect(await s.value('a:2')).to.equal('new');
        expect(await s.value('b:1')).to.equal('b:1');
        await s.wait(s.store.compact({ everything: true }));
      }
    });

    it('expired and flushed items stay gone, and later flushes still happen', async () => {
      const s = subject();
      await s.set('expired', 'x', { expiresAt: s.store.nowMs() + 1000 });
      await s.set('flushed', 'x');
      await s.fixture.advance(1500);
      await s.flush(0);
      await s.set('later', 'x');
      await s.flush(s.store.nowMs() + 100_000);
      await s.set('between', 'x');
      await s.durable();
      await restart();
      const values = (keys: string[]): Promise<unknown[]> =>
        Promise.all(keys.map((key) => s.value(key)));
      const keys = ['expired', 'flushed', 'later', 'between'];
      expect(await values(keys)).to.deep.equal([undefined, undefined, 'x', 'x']);
      await s.fixture.advance(100_001);
      await s.set('after', 'x');
      const gone = [undefined, undefined, undefined, undefined];
      expect(await values([...keys, 'after'])).to.deep.equal([...gone, 'x']);
      await s.durable();
      await restart();
      expect(await values([...keys, 'after'])).to.deep.equal([...gone, 'x']);
    });

    it('a flush whose time comes while no process runs removes earlier items and no later ones', async () => {
      const s = subject();
      await s.set('old', 'x');
      await s.flush(s.store.nowMs() + 1000);
      await s.set('between', 'x');
      await s.durable();
      await s.fixture.reopen?.('kill');
      await s.fixture.advance(1500);
      await s.fixture.reopen?.('kill');
      expect((await s.put('add', 'old', 'new')).status).to.equal('stored');
      expect(await s.value('between')).to.equal(undefined);
      await s.durable();
      await s.wait(s.store.compact({ everything: true }));
      await s.fixture.reopen?.('kill');
      expect([await s.value('old'), await s.value('between')]).to.deep.equal(['new', undefined]);
    });

    it('keeps large values', async () => {
      const s = subject();
      const piece = Buffer.alloc(MIB, 'abcdefg');
      await s.putLarge('big', [piece, piece]);
      await s.durable();
      await restart();
      expect((await s.value('big')) === piece.toString() + piece.toString()).to.equal(true);
    });

    it('the clock does not go back', async () => {
      const s = subject();
      await s.fixture.advance(5000);
      await s.set('k', 'x');
      await s.durable();
      const before = s.store.nowMs();
      await restart();
      expect(s.store.nowMs()).to.be.at.least(before);
    });

    it('a compaction before it changes nothing', async () => {
      const s = subject();
      for (let round = 0; round < 3; round++) {
        for (let at = 0; at < 40; at++) await s.set(`k${at}`, `${round}`);
      }
      for (let at = 0; at < 40; at += 2) await s.delete(`k${at}`);
      await s.durable();
      await s.wait(s.store.compact({ everything: true }));
      await restart();
      const keys = (await s.listAll(100)).map((entry) => entry.key.toString());
      expect(keys.length).to.equal(20);
      for (const key of keys) expect(await s.value(key)).to.equal('2');
    });
  });
}
