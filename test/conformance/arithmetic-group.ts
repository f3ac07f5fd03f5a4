// incr and decr: unsigned 64 bits, memcached's text of a number, CAS tokens, creation.

import { expect } from 'chai';

import { keptOutcome } from '../support/kept-lookup.js';
import type { Subject } from './subject.js';

const MAX = 2n ** 64n - 1n;

export function arithmeticGroup(subject: () => Subject): void {
  describe('arithmetic()', () => {
    it('counts in unsigned 64 bits: an increment wraps, a decrement stops at 0', async () => {
      const s = subject();
      const cases: [string, 'incr' | 'decr', bigint, bigint][] = [
        ['10', 'incr', 5n, 15n],
        ['9007199254740992', 'incr', 1n, 9_007_199_254_740_993n],
        [String(MAX), 'incr', 1n, 0n],
        [String(MAX), 'incr', MAX, MAX - 1n],
        ['5', 'decr', 6n, 0n],
        ['0', 'decr', MAX, 0n],
        [String(MAX), 'decr', 1n, MAX - 1n],
        [' 10', 'incr', 1n, 11n],
        ['10 ', 'incr', 1n, 11n],
      ];
      for (const [value, direction, delta, number] of cases) {
        await s.set('n', value);
        const done = await s.change(direction, 'n', delta);
        expect(done, `${value} ${direction} ${delta}`).to.include({ status: 'stored', number });
        expect((await s.value('n'))?.trim()).to.equal(String(number));
      }
    });

    it('keeps the length of a value that gets shorter', async () => {
      const s = subject();
      await s.set('n', '10');
      await s.change('decr', 'n', 1n);
      expect(await s.value('n')).to.equal('9 ');
      expect((await s.change('incr', 'n', 1n)).number).to.equal(10n);
    });

    it('keeps flags and expiry, and gives a new CAS token', async () => {
      const s = subject();
      const expiresAt = s.store.nowMs() + 60_000;
      const { cas } = await s.set('n', '1', { flags: 9, expiresAt });
      const done = await s.change('incr', 'n', 1n);
      expect(done.cas).not.to.equal(cas);
      expect(done.expiresAt).to.equal(expiresAt);
      expect(await s.get('n')).to.include({ value: '2', flags: 9, expiresAt, cas: done.cas });
      const later = expiresAt + 5000;
      expect((await s.change('incr', 'n', 1n, { expiresAt: later })).expiresAt).to.equal(later);
      expect((await s.get('n'))?.expiresAt).to.equal(later);
    });

    it('refuses values that are not a number of at most 64 bits, and changes nothing', async () => {
      const s = subject();
      for (const value of ['', 'x', '-1', '1.5', '0x10', '18446744073709551616', '9'.repeat(21)]) {
        const { cas } = await s.set('n', value);
        expect((await s.change('incr', 'n', 1n)).status, value).to.equal('not-a-number');
        expect(await s.get('n')).to.include({ value, cas });
      }
    });

    it('does not find a missing key, or creates it with the first value', async () => {
      const s = subject();
      expect((await s.change('incr', 'n', 1n)).status).to.equal('not-found');
      expect(await s.value('n')).to.equal(undefined);
      const create = { value: MAX, expiresAt: s.store.nowMs() + 60_000 };
      const done = await s.change('incr', 'n', 5n, { create });
      expect(done).to.include({ status: 'stored', number: MAX });
      expect(await s.get('n')).to.include({ value: String(MAX), expiresAt: create.expiresAt });
    });

    it('compares and chooses CAS tokens', async () => {
      const s = subject();
      const { cas } = await s.set('n', '1');
      const wrong = await s.change('incr', 'n', 1n, { compareCas: cas + 1n });
      expect(wrong).to.include({ status: 'exists', cas });
      expect(await s.value('n')).to.equal('1');
      const right = await s.change('incr', 'n', 1n, { compareCas: cas, chosenCas: 77n });
      expect(right).to.include({ status: 'stored', cas: 77n, number: 2n });
      expect((await s.get('n'))?.cas).to.equal(77n);
    });

    it('has read its change when it returns: the caller fills the same object again', async () => {
      const s = subject();
      await s.set('n', '10');
      await s.set('m', '10');
      const expiresAt = s.store.nowMs() + 60_000;
      const change = {
        key: Buffer.from('n'),
        direction: 'incr' as 'incr' | 'decr',
        delta: 5n,
        compareCas: undefined as bigint | undefined,
        create: undefined as { value: bigint; expiresAt: number } | undefined,
        expiresAt: undefined as number | undefined,
      };
      const added = keptOutcome(s.store.arithmetic(change));
      Object.assign(change, { key: Buffer.from('new'), create: { value: 7n, expiresAt } });
      const created = keptOutcome(s.store.arithmetic(change));
      Object.assign(change, { key: Buffer.from('m'), direction: 'decr', delta: 3n, expiresAt });
      Object.assign(change, { create: undefined });
      const taken = keptOutcome(s.store.arithmetic(change));
      Object.assign(change, { key: Buffer.from('never'), delta: 1n, compareCas: 1n, expiresAt: 0 });
      const none = keptOutcome(s.store.arithmetic(change));
      expect(await s.wait(added)).to.include({ status: 'stored', number: 15n, expiresAt: 0 });
      expect(await s.wait(created)).to.include({ status: 'stored', number: 7n, expiresAt });
      expect(await s.wait(taken)).to.include({ status: 'stored', number: 7n, expiresAt });
      expect(await s.wait(none)).to.include({ status: 'not-found' });
    });

    it('adds up fifty increments that run together', async () => {
      const s = subject();
      await s.set('n', '0');
      await s.durable();
      const done = await Promise.all(Array.from({ length: 50 }, () => s.change('incr', 'n', 1n)));
      expect(new Set(done.map((each) => each.number)).size).to.equal(50);
      expect(await s.value('n')).to.equal('50');
    });
  });
}
