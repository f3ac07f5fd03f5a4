import { expect } from 'chai';

import { hashSeed } from '../../../../src/log/bytes/key-hash.js';
import { FlushPass } from '../../../../src/store/flushes/pass.js';
import { Flushes } from '../../../../src/store/flushes/flushes.js';

const NO_PREFIX = Buffer.alloc(0);

function begun(): {
  flushes: Flushes;
  log: { lastSeq: number; watermark: number };
  pass: FlushPass;
} {
  const flushes = new Flushes(hashSeed(Buffer.alloc(8)));
  const log = { lastSeq: 10, watermark: 10 };
  return { flushes, log, pass: new FlushPass(flushes, log) };
}

describe('FlushPass', () => {
  it('prepare() gives false while no flush is open', () => {
    const { flushes, pass } = begun();
    expect(pass.prepare()).to.equal(false);
    flushes.add(10, NO_PREFIX, 10);
    expect(pass.prepare()).to.equal(true);
  });

  it('prepare() waits for the flushes, and then for the records appended before these were durable', () => {
    const { flushes, log, pass } = begun();
    flushes.add(10, NO_PREFIX, 9);
    Object.assign(log, { lastSeq: 12, watermark: 9 });
    expect(pass.prepare()).to.equal(false);
    Object.assign(log, { lastSeq: 15, watermark: 12 });
    expect(pass.prepare()).to.equal(false);
    Object.assign(log, { lastSeq: 20, watermark: 14 });
    expect(pass.prepare()).to.equal(false);
    log.watermark = 15;
    expect(pass.prepare()).to.equal(true);
  });

  it('end() retires the flushes that were open at prepare(), only after a walk that began ready', () => {
    const { flushes, log, pass } = begun();
    flushes.add(10, NO_PREFIX, 10);
    log.watermark = 9;
    pass.prepare();
    pass.begin();
    pass.end();
    expect(flushes.isOpen, 'a walk that began too early').to.equal(true);
    log.watermark = 10;
    expect(pass.prepare()).to.equal(true);
    pass.begin();
    flushes.add(11, NO_PREFIX, 10);
    expect(pass.prepare()).to.equal(false);
    pass.end();
    expect(flushes.newest).to.equal(11);
    expect(flushes.isRetired(10)).to.equal(true);
    expect(flushes.isRetired(11)).to.equal(false);
  });
});
