// When the process collects: once after work, when it is quiet, on the simulated machine's clock.

import { expect } from 'chai';

import { QuietCollection, v8Collector } from '../../../src/process/quiet-collection.js';
import { SimWorld } from '../../sim/sim-world.js';

/** Collections as [second, …] of a process that was busy for these shares of each 2 s; quiet after them. */
async function collections(shares: readonly number[], seconds = 120): Promise<number[]> {
  const world = new SimWorld(1);
  const { clock } = world.boot();
  const startMs = clock.monotonicMs();
  const found: number[] = [];
  const left = [0, ...shares];
  const collection = new QuietCollection(
    clock,
    () => left.shift() ?? 0,
    () => found.push(Math.round((clock.monotonicMs() - startMs) / 1000)),
  );
  collection.start();
  await world.scheduler.advance(seconds * 1000);
  return found;
}

describe('QuietCollection', () => {
  it('collects once after work, when three looks found it quiet', async () => {
    expect(await collections([0.9, 0.5, 0.02])).to.deep.equal([12]);
  });

  it('never without work', async () => {
    expect(await collections([0.001, 0.002, 0.009])).to.deep.equal([]);
  });

  it('never while there is work, however short the rests', async () => {
    expect(await collections(Array.from({ length: 60 }, (_, n) => n % 2))).to.deep.equal([]);
  });

  it('not again within 30 s', async () => {
    // The share after the third rest is the collection's own.
    expect(await collections([0.5, 0, 0, 0, 1, 0.5, 0, 0, 0])).to.deep.equal([8, 38]);
  });

  it("v8Collector() collects, and takes back Node's flag", async () => {
    const collect = v8Collector();
    let dead: object | undefined = {};
    const reference = new WeakRef(dead);
    dead = undefined;
    // A reference is kept to the end of the turn that made it.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(reference.deref()).to.equal(undefined);
    expect('gc' in globalThis).to.equal(false);
  });
});
