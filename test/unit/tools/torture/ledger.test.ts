import { expect } from 'chai';

import { KeyLedger } from '../../../../tools/torture/ledger.js';

/** Returns a ledger in which a and b are acknowledged and c is in flight. */
function written(): KeyLedger {
  const ledger = new KeyLedger();
  for (const state of ['a', 'b', 'c']) ledger.sent(state);
  ledger.answered();
  ledger.answered();
  return ledger;
}

describe('KeyLedger', () => {
  it('recovered() allows the last acknowledged state and a state that was in flight', () => {
    expect(written().recovered('b')).to.equal('right');
    expect(written().recovered('c')).to.equal('right');
  });

  it('recovered() reports older states and absence as lost, and unknown states as invented', () => {
    expect(written().recovered('a')).to.equal('lost');
    expect(written().recovered(undefined)).to.equal('lost');
    expect(written().recovered('x')).to.equal('invented');
  });

  it('recovered() remembers the states before the last restart', () => {
    const ledger = written();
    ledger.recovered('c');
    expect(ledger.recovered('b')).to.equal('lost');
    expect(ledger.recovered('c')).to.equal('lost');
  });

  it('seen() makes every state lost that is older than one that a reader got', () => {
    const ledger = written();
    expect(ledger.seen('c')).to.equal('right');
    expect(ledger.recovered('b')).to.equal('lost');
  });

  it('possibleSince() gives the states that a crash at another moment could leave', () => {
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

  it('cutBack() takes back for good the states that came after the moment', () => {
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
