// The calls put, get and delete: every mode, every status, CAS tokens, flags and marks.

import { expect } from 'chai';

import { keptOutcome } from '../support/kept-lookup.js';
import type { Subject } from './subject.js';

export function storageGroup(subject: () => Subject): void {
  describe('put()', () => {
    it('set stores value, flags and expiry and returns the length of the value', async () => {
      const s = subject();
      const expiresAt = s.store.nowMs() + 60_000;
      const done = await s.set('k', 'value', { flags: 4_294_967_295, expiresAt });
      expect(done).to.include({ status: 'stored', valueBytes: 5 });
      const found = await s.get('k');
      expect(found).to.include({ value: 'value', flags: 4_294_967_295, expiresAt, cas: done.cas });
      expect(found).to.include({ stale: false, won: false });
    });

    it('keeps any bytes in keys and values, and keys of 1 to 65,535 bytes apart', async () => {
      const s = subject();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
      const keys = [
        'k',
        'K',
        'k\0',
        '\0',
        'é',
        'k'.repeat(250),
        'k'.repeat(251),
        'x'.repeat(65_535),
      ];
      for (const key of keys) await s.set(key, bytes + key.length);
      for (const key of keys) expect(await s.value(key)).to.equal(bytes + key.length);
      expect(await s.value('x'.repeat(65_534))).to.equal(undefined);
    });

    it('copies the value before it returns', async () => {
      const s = subject();
      const value = Buffer.from('before');
      const key = Buffer.from('key');
      const done = s.store.put({ mode: 'set', key, value, flags: 0, expiresAt: 0 });
      value.fill('!');
      key.fill('!');
      await s.wait(done);
      await s.durable();
      expect(await s.value('key')).to.equal('before');
    });

    it('stores an empty value', async () => {
      const s = subject();
      expect(await s.set('k', '')).to.include({ status: 'stored', valueBytes: 0 });
      expect(await s.value('k')).to.equal('');
    });

    it('add stores only missing keys, replace only existing ones', async () => {
      const s = subject();
      expect((await s.put('replace', 'k', 'r')).status).to.equal('not-stored');
      expect(await s.value('k')).to.equal(undefined);
      expect((await s.put('add', 'k', 'a')).status).to.equal('stored');
      expect((await s.put('add', 'k', 'b')).status).to.equal('not-stored');
      expect(await s.value('k')).to.equal('a');
      expect((await s.put('replace', 'k', 'r', { flags: 3 })).status).to.equal('stored');
      expect(await s.get('k')).to.include({ value: 'r', flags: 3 });
    });

    it('add stores over an expired or deleted item', async () => {
      const s = subject();
      await s.set('k', 'old', { expiresAt: s.store.nowMs() + 1000 });
      await s.fixture.advance(1001);
      expect((await s.put('add', 'k', 'new')).status).to.equal('stored');
      await s.delete('k');
      expect((await s.put('add', 'k', 'newer')).status).to.equal('stored');
      expect(await s.value('k')).to.equal('newer');
    });

    it('append and prepend keep flags and expiry and give a new CAS token', async () => {
      const s = subject();
      const expiresAt = s.store.nowMs() + 60_000;
      const first = await s.set('k', 'b', { flags: 7, expiresAt });
      const more = { flags: 9, expiresAt: 0 };
      const second = await s.put('append', 'k', 'c', more);
      expect(second).to.include({ status: 'stored', valueBytes: 2 });
      const third = await s.put('prepend', 'k', 'a', more);
      expect(third).to.include({ status: 'stored', valueBytes: 3 });
      expect(new Set([first.cas, second.cas, third.cas]).size).to.equal(3);
      expect(await s.get('k')).to.include({ value: 'abc', flags: 7, expiresAt, cas: third.cas });
    });

    it('append and prepend of a missing key store nothing, or create it when asked to', async () => {
      const s = subject();
      expect((await s.put('append', 'k', 'x')).status).to.equal('not-stored');
      expect((await s.put('prepend', 'k', 'x')).status).to.equal('not-stored');
      expect(await s.value('k')).to.equal(undefined);
      const vivifyExpiresAt = s.store.nowMs() + 60_000;
      expect((await s.put('append', 'k', 'x', { vivifyExpiresAt })).status).to.equal('stored');
      expect(await s.get('k')).to.include({ value: 'x', expiresAt: vivifyExpiresAt });
    });

    it('joined values of several keys do not mix, whatever their lengths', async () => {
      const s = subject();
      const long = 'l'.repeat(5000);
      await Promise.all([s.set('a', 'a'), s.set('b', long), s.set('c', 'c')]);
      await Promise.all([
        s.put('append', 'a', '1'),
        s.put('prepend', 'b', '2'),
        s.put('append', 'c', long),
        s.put('append', 'a', '3'),
      ]);
      expect(await s.value('a')).to.equal('a13');
      expect(await s.value('b')).to.equal(`2${long}`);
      expect(await s.value('c')).to.equal(`c${long}`);
    });

    it('a long value that was read stays as it was while it is appended to', async () => {
      const s = subject();
      let value = 'l'.repeat(300_000);
      await s.set('k', value);
      for (let n = 0; n < 40; n++) {
        const found = await s.get('k');
        expect(found?.value === value, `${n}`).to.equal(true);
        await s.put('append', 'k', String(n));
        value += String(n);
      }
      expect((await s.value('k')) === value).to.equal(true);
    });

    it('appends that run together all end up in the value, once', async () => {
      const s = subject();
      await s.set('k', '');
      await s.durable();
      const pieces = Array.from({ length: 20 }, (_, at) => `<${at}>`);
      await Promise.all(pieces.map((piece) => s.put('append', 'k', piece)));
      const value = (await s.value('k')) ?? '';
      expect(value.length).to.equal(pieces.join('').length);
      for (const piece of pieces) expect(value).to.include(piece);
    });
  });

  describe('compareCas', () => {
    it('answers stored to the right token, exists to another, and not-found without an item', async () => {
      const s = subject();
      expect((await s.set('k', 'x', { compareCas: 1n })).status).to.equal('not-found');
      expect(await s.value('k')).to.equal(undefined);
      const first = await s.set('k', 'a');
      const wrong = await s.set('k', 'x', { compareCas: first.cas + 1n });
      expect(wrong).to.include({ status: 'exists', cas: first.cas });
      expect(await s.value('k')).to.equal('a');
      const right = await s.set('k', 'b', { compareCas: first.cas });
      expect(right.status).to.equal('stored');
      expect(right.cas).not.to.equal(first.cas);
      expect((await s.set('k', 'c', { compareCas: first.cas })).status).to.equal('exists');
      expect(await s.get('k')).to.include({ value: 'b', cas: right.cas });
    });

    it('without an item, set and replace do not find it, and an add and a join act as without a token', async () => {
      const s = subject();
      const expiresAt = s.store.nowMs() + 60_000;
      const cases = [
        ['set', {}, 'not-found'],
        ['replace', {}, 'not-found'],
        ['set', { invalidate: true }, 'not-found'],
        ['append', {}, 'not-stored'],
        ['prepend', {}, 'not-stored'],
        ['add', {}, 'stored'],
        ['append', { vivifyExpiresAt: expiresAt }, 'stored'],
        ['prepend', { vivifyExpiresAt: expiresAt }, 'stored'],
      ] as const;
      for (const [mode, more, status] of cases) {
        const done = await s.put(mode, 'k', 'x', { compareCas: 5n, ...more });
        expect(done.status, `${mode} ${JSON.stringify(more)}`).to.equal(status);
        expect(await s.value('k')).to.equal(status === 'stored' ? 'x' : undefined);
        await s.delete('k');
      }
    });

    it('every change gives a larger token, and reading leaves the token', async () => {
      const s = subject();
      const seen: bigint[] = [];
      seen.push((await s.set('n', '1')).cas);
      seen.push((await s.set('n', '1')).cas);
      seen.push((await s.change('incr', 'n', 1n)).cas);
      seen.push((await s.put('append', 'n', '0')).cas);
      expect((await s.get('n'))?.cas).to.equal(seen.at(-1));
      for (let at = 1; at < seen.length; at++) expect(seen[at]! > seen[at - 1]!).to.equal(true);
    });

    it('a chosen token of 64 bits becomes the token', async () => {
      const s = subject();
      for (const chosenCas of [5n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
        expect((await s.set('k', 'x', { chosenCas })).cas).to.equal(chosenCas);
        expect((await s.get('k'))?.cas).to.equal(chosenCas);
        const next = await s.set('k', 'y', { compareCas: chosenCas });
        expect(next.status).to.equal('stored');
      }
    });
  });

  describe('delete()', () => {
    it('deletes once', async () => {
      const s = subject();
      expect((await s.delete('k')).status).to.equal('not-found');
      await s.set('k', 'x');
      expect((await s.delete('k')).status).to.equal('deleted');
      expect(await s.lookup('k')).to.include({ kind: 'miss', reason: 'absent' });
      expect((await s.delete('k')).status).to.equal('not-found');
    });

    it('deletes only on the right token', async () => {
      const s = subject();
      const { cas } = await s.set('k', 'x');
      expect(await s.delete('k', { compareCas: cas + 1n })).to.include({ status: 'exists', cas });
      expect(await s.value('k')).to.equal('x');
      expect((await s.delete('k', { compareCas: cas })).status).to.equal('deleted');
      expect(await s.value('k')).to.equal(undefined);
    });

    it('has read its change when it returns: the caller fills the same object again', async () => {
      const s = subject();
      const { cas } = await s.set('k', 'x');
      await s.set('other', 'y');
      const change = { key: Buffer.from('k'), compareCas: cas, dropValue: false };
      const deleted = keptOutcome(s.store.delete(change));
      Object.assign(change, { key: Buffer.from('other'), compareCas: cas + 9n, dropValue: true });
      const refused = keptOutcome(s.store.delete(change));
      expect((await s.wait(deleted)).status).to.equal('deleted');
      expect((await s.wait(refused)).status).to.equal('exists');
      expect(await s.value('k')).to.equal(undefined);
      expect(await s.value('other')).to.equal('y');
    });

    it('dropValue keeps the item without its value and flags', async () => {
      const s = subject();
      await s.set('k', 'x', { flags: 5 });
      expect((await s.delete('k', { dropValue: true })).status).to.equal('deleted');
      expect(await s.get('k')).to.include({ value: '', flags: 0 });
    });
  });

  marksGroup(subject);
}

function marksGroup(subject: () => Subject): void {
  describe('stale and won', () => {
    it('an invalidated item is served stale with a new token; one reader wins', async () => {
      const s = subject();
      const first = await s.set('k', 'x', { flags: 5 });
      const expiresAt = s.store.nowMs() + 30_000;
      const done = await s.delete('k', { invalidate: true, expiresAt });
      expect(done.status).to.equal('deleted');
      const found = await s.get('k');
      expect(found).to.include({
        value: 'x',
        flags: 5,
        stale: true,
        won: false,
        wins: false,
        expiresAt,
      });
      expect(found?.cas).not.to.equal(first.cas);
      expect(await s.get('k', { win: true })).to.include({ stale: true, wins: true });
      expect(await s.get('k', { win: true })).to.include({ stale: true, won: true, wins: false });
      await s.set('k', 'fresh');
      expect(await s.get('k', { win: true })).to.include({ stale: false, won: false, wins: false });
    });

    it('a put with an older token and invalidate is stored stale; with a newer one it is not', async () => {
      const s = subject();
      const old = await s.set('k', 'a');
      const current = await s.set('k', 'b');
      const newer = { compareCas: current.cas + 1n, invalidate: true };
      expect((await s.set('k', 'c', newer)).status).to.equal('exists');
      const older = { compareCas: old.cas, invalidate: true };
      expect((await s.set('k', 'c', older)).status).to.equal('stored');
      expect(await s.get('k')).to.include({ value: 'c', stale: true });
    });

    it('a value that is stored stale has the expiry and the won mark of the old item', async () => {
      for (const mode of ['set', 'replace'] as const) {
        for (const wins of [true, false]) {
          const s = subject();
          const expiresAt = s.store.nowMs() + 30_000;
          const { cas } = await s.set('k', 'a');
          await s.delete('k', { invalidate: true, expiresAt });
          if (wins) await s.get('k', { win: true });
          const older = { compareCas: cas, invalidate: true, expiresAt: expiresAt + 60_000 };
          expect((await s.put(mode, 'k', 'b', older)).status).to.equal('stored');
          const found = await s.get('k', { win: true });
          expect(found).to.include({ value: 'b', stale: true, won: wins, wins: !wins, expiresAt });
        }
      }
    });

    it('an older token is refused without invalidate, for a join, and when it is 0', async () => {
      const s = subject();
      const { cas } = await s.set('k', 'a');
      await s.set('k', 'b');
      const cases = [
        ['set', cas, false],
        ['append', cas, true],
        ['prepend', cas, true],
        ['set', 0n, true],
      ] as const;
      for (const [mode, compareCas, invalidate] of cases) {
        const outcome = await s.put(mode, 'k', 'c', { compareCas, invalidate });
        expect(outcome.status, mode).to.equal('exists');
      }
      expect(await s.value('k')).to.equal('b');
    });

    it('invalidating does not count as a use of the item, and keeps the mark that it was read', async () => {
      const s = subject();
      for (const reads of [true, false]) {
        await s.set('k', 'x');
        if (reads) await s.get('k');
        await s.delete('k', { invalidate: true });
        const fetched = reads && s.offers.uses;
        expect(await s.get('k', { quiet: true })).to.include({ fetched, stale: true });
        await s.set('k', '5');
        if (reads) await s.get('k');
        await s.change('incr', 'k', 1n);
        expect(await s.get('k', { quiet: true })).to.include({ fetched });
      }
    });

    it('recacheMs compares with the expiry that the read finds, or with recachesLast the one that it gives', async () => {
      const s = subject();
      const soon = s.store.nowMs() + 10_000;
      const late = soon + 90_000;
      const cases = [
        [soon, late, false, true],
        [soon, late, true, false],
        [late, soon, false, false],
        [late, soon, true, true],
        [0, soon, true, true],
        [soon, 0, true, false],
      ] as const;
      for (const [before, expiresAt, recachesLast, wins] of cases) {
        await s.set('k', 'x', { expiresAt: before });
        const options = { win: true, recacheMs: 30_000, expiresAt, recachesLast };
        expect(await s.get('k', options), `${before} ${expiresAt}`).to.include({ wins });
      }
    });

    it('recacheMs counts whole seconds: 10 left are not less than 10', async () => {
      const s = subject();
      await s.set('k', 'x', { expiresAt: s.store.nowMs() + 10_000 });
      await s.fixture.advance(5);
      expect(await s.get('k', { win: true, recacheMs: 10_000 })).to.include({ wins: false });
      expect(await s.get('k', { win: true, recacheMs: 11_000 })).to.include({ wins: true });
    });

    it('recacheMs lets one reader win shortly before the end', async () => {
      const s = subject();
      await s.set('k', 'x', { expiresAt: s.store.nowMs() + 10_000 });
      expect(await s.get('k', { win: true, recacheMs: 5000 })).to.include({ wins: false });
      await s.fixture.advance(6000);
      expect(await s.get('k', { win: true, recacheMs: 5000 })).to.include({ wins: true });
      expect(await s.get('k', { win: true, recacheMs: 5000 })).to.include({
        wins: false,
        won: true,
      });
    });

    it('vivifyExpiresAt creates an empty item that this reader has won', async () => {
      const s = subject();
      const vivifyExpiresAt = s.store.nowMs() + 30_000;
      const options = { win: true, vivifyExpiresAt };
      expect(await s.get('k', options)).to.include({
        value: '',
        wins: true,
        expiresAt: vivifyExpiresAt,
      });
      expect(await s.get('k', options)).to.include({ value: '', wins: false, won: true });
    });

    it('fetched says whether the item was read before; quiet reads do not count', async () => {
      const s = subject();
      await s.set('k', 'x');
      expect(await s.get('k', { quiet: true })).to.include({ fetched: false });
      expect(await s.get('k')).to.include({ fetched: false });
      expect(await s.get('k')).to.include({ fetched: s.offers.uses });
      await s.set('k', 'y');
      await s.touch('k', 0);
      expect(await s.get('k'), 'touched').to.include({ fetched: s.offers.uses });
    });
  });
}
