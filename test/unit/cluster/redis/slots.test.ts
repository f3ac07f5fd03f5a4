import { expect } from 'chai';

import { ownKey, slotOf, SLOT_COUNT } from '../../../../src/cluster/redis/slots.js';

const slot = (key: string): number => slotOf(Buffer.from(key, 'latin1'));

describe('slotOf()', () => {
  it('is the CRC-16 of the key as in the cluster specification', () => {
    expect(slot('123456789')).to.equal(0x31c3 % SLOT_COUNT);
    // These are the answers of CLUSTER KEYSLOT of Redis 7.0.15.
    expect(slot('foo')).to.equal(12_182);
    expect(slot('')).to.equal(0);
  });

  it('is the slot of the first tag in braces when the tag is not empty', () => {
    expect(slot('k:{user1000}.following')).to.equal(slot('user1000'));
    expect(slot('k:foo{bar}{zap}')).to.equal(slot('bar'));
    expect(slot('k:foo{{bar}}zap')).to.equal(slot('{bar'));
    expect(slot('k:foo{}{bar}')).not.to.equal(slot('bar'));
    expect(slot('k:}{a')).not.to.equal(slot('a'));
  });
});

describe('ownKey()', () => {
  it('gives a key that lies in its slot, for every slot', () => {
    for (let wanted = 0; wanted < SLOT_COUNT; wanted += 1) {
      const key = ownKey(wanted);
      if (slotOf(key) !== wanted) expect.fail(`${key.toString('hex')} for slot ${wanted}`);
      expect(key.toString('latin1', 0, 3)).to.equal('m:{');
    }
  });
});
