// Weighing: it is bounded whatever the keys are, and exact within its bounds.

import { expect } from 'chai';

import { Weighing } from '../../../../src/http/page/sizes.js';

const text = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('base64url');

describe('Weighing', () => {
  it('counts the keys of further prefixes together when there are too many to tell apart', () => {
    const weighing = new Weighing('', ':', 2);
    for (const key of ['a:1', 'b:1', 'c:1', 'a:2', 'd:1']) {
      weighing.add({ key: Buffer.from(key), bytes: 10 });
    }
    const { prefixes, others, all } = weighing.result;
    expect(prefixes.map(({ key, keys, bytes }) => [key, keys, bytes])).to.deep.equal([
      [text('a:'), 2, 20],
      [text('b:'), 1, 10],
    ]);
    expect(others).to.equal(2);
    expect(all).to.deep.equal({ keys: 5, bytes: 50 });
  });

  it('keeps prefixes of any bytes as they are, and does not tell long ones apart', () => {
    const weighing = new Weighing('', '--');
    weighing.add({ key: Buffer.from('\xff\0--k', 'latin1'), bytes: 1 });
    weighing.add({ key: Buffer.from(`${'x'.repeat(300)}--k`), bytes: 1 });
    expect(weighing.result.prefixes.map(({ key }) => key)).to.deep.equal([text('\xff\0--')]);
  });

  it('keeps the fifty largest keys, the largest first', () => {
    const weighing = new Weighing('', ':');
    for (let n = 0; n < 500; n += 1)
      weighing.add({ key: Buffer.from(`${n}`), bytes: (n * 7) % 500 });
    const bytes = weighing.result.largest.map((each) => each.bytes);
    expect(bytes).to.deep.equal(Array.from({ length: 50 }, (_, at) => 499 - at));
  });
});
