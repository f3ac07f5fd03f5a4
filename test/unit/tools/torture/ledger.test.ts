import { expect } from 'chai';

import { KeyLedger } from '../../../../tools/torture/ledger.js';

/** a and b acknowledged, c in flight. */
function written(): KeyLedger {
  const ledger = new KeyLedger();
  for (const state of ['a', 'b', 'c']) ledger.sent(state);
  ledger.answered();
  ledger.answered();
  return ledger;
}

describe('KeyLedger', () => {
  it('recovered() allows what was acknowledged last and what was in flight', () => {
    expect(written().recovered('b')).to.equal('right');
    expect(written().recovered('c')).to.equal('right');
  });

  it('recovered() calls older states and absence lost, unknown ones invented', () => {
    expect(written().recovered('a')).to.equal('lost');
    expect(written().recovered(undefined)).to.equal('lost');
    expect(written().recovered('x')).to.equal('invented');
  });

  it('recovered() remembers the states of the life before', () => {
    const ledger = written();
    ledger.recovered('c');
    expect(ledger.recovered('b')).to.equal('lost');
    expect(ledger.recovered('c')).to.equal('lost');
  });

  it('seen() forbids to go back behind what a reader was shown', () => {
    const ledger = written();
    expect(ledger.seen('c')).to.equal('right');
    expect(ledger.recovered('b')).to.equal('lost');
  });

  it('possibleSince() is what a crash at another moment could leave', () => {
    const ledger = new KeyLedger();
    ledger.sent('a');
    ledger.answered();
    const { floor } = ledger;
    ledger.sent('b');
    const possible = ledger.possibleSince(floor);
    ledger.answered();
    ledger.sent('c');
    expect(possible).to.deep.equal(['a', 'b']);
    expect(ledger.verdict('a', possible)).to.equal('right');
    expect(ledger.verdict(undefined, possible)).to.equal('lost');
    expect(ledger.verdict('x', possible)).to.equal('invented');
  });

  it('cutBack() takes back what came after the moment, for good', () => {
    const ledger = written();
    const possible = ledger.possibleSince(ledger.floor);
    ledger.sent('d');
    ledger.answered();
    ledger.cutBack(possible);
    expect(ledger.verdict('d', possible)).to.equal('invented');
    expect(ledger.verdict('a', possible)).to.equal('lost');
    expect(ledger.recovered('b')).to.equal('right');
  });
});
