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

  it('verdict() judges by the bounds of another moment', () => {
    const ledger = new KeyLedger();
    ledger.sent('a');
    ledger.answered();
    const { floor } = ledger;
    ledger.sent('b');
    const { ceiling } = ledger;
    ledger.answered();
    ledger.sent('c');
    expect(ledger.verdict('a', floor, ceiling)).to.equal('right');
    expect(ledger.verdict('b', floor, ceiling)).to.equal('right');
    expect(ledger.verdict('c', floor, ceiling)).to.equal('invented');
    expect(ledger.verdict(undefined, floor, ceiling)).to.equal('lost');
    expect(ledger.verdict('a')).to.equal('lost');
  });
});
