// groupsOf(): shows each segment by itself, or neighbours together, and loses no segment.

import { expect } from 'chai';

import { groupsOf } from '../../../../src/http/page/log-picture.js';
import type { SegmentView } from '../../../../src/store/store.js';

function segments(count: number): SegmentView[] {
  return Array.from({ length: count }, (_, at) => ({
    first: at + 1,
    last: at + 1,
    generation: 0,
    state:
      at === count - 2 ? 'active' : at === count - 1 ? 'next' : at === 0 ? 'compacting' : 'sealed',
    bytes: 100,
    liveBytes: 60,
    deadBytes: 30,
    compactedBytes: at === 0 ? 50 : 0,
  }));
}

describe('groupsOf()', () => {
  it('has a group for each segment while there are few', () => {
    const groups = groupsOf(segments(4), 4);
    expect(groups.map(({ state }) => state)).to.deep.equal([
      'compacting',
      'sealed',
      'active',
      'next',
    ]);
    expect(groups[1]).to.deep.equal({
      first: 2,
      last: 2,
      count: 1,
      state: 'sealed',
      bytes: 100,
      live: 60,
      dead: 30,
      compacted: 0,
    });
    expect(groupsOf([])).to.deep.equal([]);
  });

  it('joins neighbours when there are more, and gives a group the state that matters most', () => {
    const groups = groupsOf(segments(10), 4);
    expect(groups.map(({ first, last, count }) => [first, last, count])).to.deep.equal([
      [1, 3, 3],
      [4, 6, 3],
      [7, 9, 3],
      [10, 10, 1],
    ]);
    expect(groups.map(({ state }) => state)).to.deep.equal([
      'compacting',
      'sealed',
      'active',
      'next',
    ]);
    expect(groups.reduce((sum, { bytes }) => sum + bytes, 0)).to.equal(1000);
    expect(groups.map(({ compacted }) => compacted)).to.deep.equal([50, 0, 0, 0]);
  });
});
