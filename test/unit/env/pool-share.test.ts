import { expect } from 'chai';

import { PoolShare, readsInPool } from '../../../src/env/pool-share.js';

describe('PoolShare', () => {
  it('has at most as many calls under way as it was given, and runs the others in order', async () => {
    const share = new PoolShare(2);
    const order: number[] = [];
    let underWay = 0;
    let most = 0;
    const calls = Array.from({ length: 5000 }, (_, n) =>
      share.run(async () => {
        underWay += 1;
        most = Math.max(most, underWay);
        order.push(n);
        await Promise.resolve();
        underWay -= 1;
        return n;
      }),
    );
    const inOrder = Array.from({ length: 5000 }, (_, n) => n);
    expect(await Promise.all(calls)).to.deep.equal(inOrder);
    expect(order).to.deep.equal(inOrder);
    expect(most).to.equal(2);
  });

  it('a call that fails gives its place back', async () => {
    const share = new PoolShare(1);
    const failing = share.run(() => Promise.reject(new Error('broken')));
    const next = share.run(() => Promise.resolve('done'));
    expect(await failing.catch(String)).to.equal('Error: broken');
    expect(await next).to.equal('done');
    expect(await share.run(() => Promise.resolve('again'))).to.equal('again');
  });
});

describe('readsInPool()', () => {
  it('leaves threads for other work in a large pool, and is at least 1', () => {
    const sizes = [undefined, '1', '2', '3', '4', '128', 'nonsense'];
    expect(sizes.map(readsInPool)).to.deep.equal([2, 1, 1, 1, 2, 2, 2]);
  });
});
