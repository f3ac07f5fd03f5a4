import { expect } from 'chai';

import { parseSlots, unservedSlots } from '../../../../src/cluster/redis/topology.js';

describe('parseSlots()', () => {
  it('joins the ranges of a master, and names its replicas', () => {
    const reply = [
      [0, 99, ['10.0.0.1', 6379, 'id', []], ['10.0.0.2', 6379, 'id', []]],
      [100, 16_383, ['10.0.0.3', 6379, 'id', []]],
      [50, 60, ['10.0.0.1', 6379, 'id', []], ['10.0.0.2', 6379, 'id', []]],
    ];
    expect(parseSlots(reply, '10.0.0.9:1')).to.deep.equal([
      {
        master: '10.0.0.1:6379',
        replicas: ['10.0.0.2:6379'],
        ranges: [
          [0, 99],
          [50, 60],
        ],
      },
      { master: '10.0.0.3:6379', replicas: [], ranges: [[100, 16_383]] },
    ]);
  });

  it('gives a node without a name the name of the node that was asked', () => {
    for (const name of [null, '']) {
      const [shard] = parseSlots([[0, 16_383, [name, 7000]]], '10.0.0.9:6379');
      expect(shard?.master).to.equal('10.0.0.9:7000');
    }
  });
});

describe('unservedSlots()', () => {
  it('counts the slots that no range holds', () => {
    expect(unservedSlots(parseSlots([[0, 16_380, ['h', 1]]], ''))).to.equal(3);
    expect(unservedSlots([])).to.equal(16_384);
  });
});
