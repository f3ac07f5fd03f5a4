import { expect } from 'chai';

import { recoveryProgress } from '../../../src/process/recovery-progress.js';

describe('recoveryProgress()', () => {
  it('gives no progress when the output is no terminal', () => {
    expect(recoveryProgress({ write: () => true }, () => 0)).to.equal(undefined);
  });

  it('writes nothing for a second, then redraws one line ten times per second, and clears it', () => {
    let nowMs = 0;
    const drawn: string[] = [];
    const out = { isTTY: true, write: (text: string) => drawn.push(text) };
    const progress = recoveryProgress(out, () => nowMs)!;
    progress.update(1, 10);
    nowMs = 999;
    progress.update(2, 10);
    expect(drawn).to.deep.equal([]);
    nowMs = 1000;
    progress.update(3, 10);
    progress.update(4, 10);
    nowMs = 1100;
    progress.update(5, 10);
    progress.end();
    expect(drawn).to.have.length(3);
    expect(drawn[0]).to.contain('segment 3 of 10 (30 %)');
    expect(drawn[1]).to.contain('segment 5 of 10 (50 %)');
    expect(drawn[2]).to.equal('\r\x1b[K');
  });

  it('end() writes nothing when nothing was drawn', () => {
    const drawn: string[] = [];
    recoveryProgress({ isTTY: true, write: (text) => drawn.push(text) }, () => 0)!.end();
    expect(drawn).to.deep.equal([]);
  });
});
