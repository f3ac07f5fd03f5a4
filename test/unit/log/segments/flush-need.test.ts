import { expect } from 'chai';

import { FlushNeed } from '../../../../src/log/segments/flush-need.js';

describe('FlushNeed', () => {
  it('has() every seq between the first and the last noted one', () => {
    const need = new FlushNeed();
    expect([need.isEmpty, need.has(1), need.has(5)]).to.deep.equal([true, false, false]);
    need.note(9);
    need.note(5);
    need.add({ from: 0, to: 0 });
    expect(need.state).to.deep.equal({ from: 5, to: 9 });
    expect([4, 5, 7, 9, 10].map((seq) => need.has(seq))).to.deep.equal([
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  it('meets() gives true for a range that shares a seq with it', () => {
    const need = new FlushNeed();
    expect(need.meets({ from: 1, to: 9 })).to.equal(false);
    need.note(5);
    for (const [from, to, meets] of [
      [1, 4, false],
      [1, 5, true],
      [5, 9, true],
      [6, 9, false],
      [0, 0, false],
    ] as const) {
      expect(need.meets({ from, to })).to.equal(meets);
    }
  });

  it('take() returns the range and empties it', () => {
    const need = new FlushNeed();
    need.note(5);
    expect(need.take()).to.deep.equal({ from: 5, to: 5 });
    expect(need.isEmpty).to.equal(true);
  });
});
