// The semantics of an item that is read and written back, without an engine. The conformance suite tests that they are
// those of memcached; this file tests what that suite cannot see: which writes keep the token.

import { expect } from 'chai';

import { encodeItem } from '../../../src/cluster/item-bytes.js';
import {
  decideArithmetic,
  decideDelete,
  decideGet,
  decidePut,
  decideTouch,
  type LiveItem,
} from '../../../src/cluster/semantics.js';

const KEY = { key: Buffer.from('k') };
const NOW_MS = 1_700_000_000_000;

function item(value: string, more: Partial<LiveItem> = {}): LiveItem {
  const plain = { flags: 5, expiresAt: NOW_MS + 60_000, stale: false, won: false };
  const header = { ...plain, ownCas: undefined };
  const bytes = encodeItem(header, Buffer.from(value), 0, value.length);
  return { ...header, value: Buffer.from(value), bytes, cas: 9n, ...more };
}

function put(more: object = {}) {
  const value = Buffer.from('new');
  return { mode: 'set', value, flags: 1, expiresAt: 0, ...more } as Parameters<typeof decidePut>[0];
}

describe('decide…()', () => {
  it('a write has the token that the engine gives or the client chose, and a touch keeps the old token', () => {
    const old = item('7');
    const written = [
      decidePut(put(), old, 100),
      decidePut(put({ mode: 'append' }), old, 100),
      decideArithmetic({ ...KEY, delta: 1n, direction: 'incr' }, old),
      decideDelete({ ...KEY, invalidate: true }, old),
    ];
    for (const { write, outcome } of written) {
      expect(write).to.include({ ownCas: undefined });
      expect(outcome(77n).cas).to.equal(77n);
    }
    const chosen = [
      decidePut(put({ chosenCas: 3n }), old, 100),
      decideArithmetic({ ...KEY, delta: 1n, direction: 'incr', chosenCas: 3n }, old),
      decideDelete({ ...KEY, dropValue: true, chosenCas: 3n }, old),
    ];
    for (const { write, outcome } of chosen) {
      expect(write).to.include({ ownCas: 3n });
      expect(outcome(77n).cas).to.equal(3n);
    }
    const touch = decideTouch(1, old);
    expect(touch.write).to.include({ ownCas: 9n, expiresAt: 1, flags: 5 });
    expect(touch.outcome(77n)).to.include({ status: 'touched', cas: 9n });
    const read = decideGet(
      { win: true, expiresAt: 2 },
      item('7', { stale: true }),
      'absent',
      NOW_MS,
    );
    expect(read.write).to.include({ ownCas: 9n, expiresAt: 2, won: true, stale: true });
  });

  it('a refused call writes nothing, and its outcome says what was there', () => {
    const old = item('text');
    const refused = [
      decidePut(put({ mode: 'add' }), old, 100),
      decidePut(put({ compareCas: 8n }), old, 100),
      decidePut(put({ mode: 'append' }), old, 6),
      decidePut(put({ mode: 'replace' }), undefined, 100),
      decideArithmetic({ ...KEY, delta: 1n, direction: 'decr' }, old),
      decideArithmetic({ ...KEY, delta: 1n, direction: 'decr' }, undefined),
      decideTouch(0, undefined),
      decideDelete({ ...KEY, compareCas: 8n }, old),
    ];
    expect(refused.map(({ write }) => write)).to.deep.equal(refused.map(() => undefined));
    expect(refused.map(({ outcome }) => outcome(0n).status)).to.deep.equal([
      'not-stored',
      'exists',
      'too-large',
      'not-stored',
      'not-a-number',
      'not-found',
      'not-found',
      'exists',
    ]);
    expect(refused[1]!.outcome(0n).cas).to.equal(9n);
  });

  it('only a plain set and a delete change bytes that are no item', () => {
    expect(decidePut(put(), 'damaged', 100).outcome(1n).status).to.equal('stored');
    expect(decideDelete(KEY, 'damaged').write).to.equal('removal');
    const others = [
      decidePut(put({ mode: 'add' }), 'damaged', 100),
      decideArithmetic({ ...KEY, delta: 1n, direction: 'incr' }, 'damaged'),
      decideTouch(0, 'damaged'),
      decideDelete({ ...KEY, invalidate: true }, 'damaged'),
    ];
    for (const { write, outcome } of others) {
      expect(write).to.equal(undefined);
      expect(outcome(0n).status).to.equal('damaged');
    }
    expect(decideGet({}, 'damaged', 'absent', NOW_MS).outcome(0n).kind).to.equal('damaged');
  });

  it('a read that changes nothing writes nothing, and a vivified item has the token of its write', () => {
    expect(decideGet({ win: true }, item('x'), 'absent', NOW_MS).write).to.equal(undefined);
    const made = decideGet({ win: true, vivifyExpiresAt: 4 }, undefined, 'expired', NOW_MS);
    expect(made.write).to.include({ won: true, expiresAt: 4, ownCas: undefined });
    const found = made.outcome(12n);
    expect(found.kind === 'hit' && found.item).to.include({ wins: true, created: true, cas: 12n });
    const missed = decideGet({}, undefined, 'flushed', NOW_MS).outcome(0n);
    expect(missed).to.include({ kind: 'miss', reason: 'flushed' });
  });

  it('keepsExpiry leaves the expiry of the item', () => {
    const { write } = decidePut(put({ mode: 'replace', keepsExpiry: true }), item('x'), 100);
    expect(write).to.include({ expiresAt: NOW_MS + 60_000, flags: 1 });
  });
});
