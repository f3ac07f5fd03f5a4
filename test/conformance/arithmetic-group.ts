// incr and decr: unsigned 64 bits, memcached's text of a number, CAS tokens, creation.

import { expect } from 'chai';

import type * as S from '../../src/store/store.js';
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

    it('takes what it needs from its argument before it returns, because a caller fills the object again', async () => {
      const s = subject();
      await s.set('n', '10');
      await s.set('o', '10');
      await s.durable();
      const change: { -readonly [K in keyof S.Arithmetic]: S.Arithmetic[K] } = {
        key: Buffer.from('n'),
        delta: 5n,
        direction: 'incr',
      };
      const added = s.wait(keptOutcome(s.store.arithmetic(change)));
      change.key = Buffer.from('o');
      change.direction = 'decr';
      change.delta = 100n;
      const subtracted = s.wait(keptOutcome(s.store.arithmetic(change)));
      change.key = Buffer.from('m');
      change.create = { value: 7n, expiresAt: 0 };
      const created = s.wait(keptOutcome(s.store.arithmetic(change)));
      change.create = undefined;
      change.delta = 1n;
      change.compareCas = 1n;
      const found = await Promise.all([added, subtracted, created]);
      expect(found.map(({ number }) => number)).to.deep.equal([15n, 0n, 7n]);
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
