// QuietCollection: one collection after work, when the process is quiet, on the clock of the simulated machine.

import { expect } from 'chai';

import { QuietCollection, v8Collector } from '../../../src/process/quiet-collection.js';
import { SimWorld } from '../../sim/sim-world.js';

/** Returns the seconds at which a process collects that is busy for these shares of each 2 s, then quiet. */
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
  it('collects once after work, when the process was quiet at three samples', async () => {
    expect(await collections([0.9, 0.5, 0.02])).to.deep.equal([12]);
  });

  it('never collects without work', async () => {
    expect(await collections([0.001, 0.002, 0.009])).to.deep.equal([]);
  });

  it('never collects while there is work with short pauses', async () => {
    expect(await collections(Array.from({ length: 60 }, (_, n) => n % 2))).to.deep.equal([]);
  });

  it('does not collect again within 30 s', async () => {
    // The share after the third pause is the work of the collection itself.
    expect(await collections([0.5, 0, 0, 0, 1, 0.5, 0, 0, 0])).to.deep.equal([8, 38]);
  });

  it('v8Collector() collects, and switches the flag of Node off again', async () => {
    const collect = v8Collector();
    let dead: object | undefined = {};
    const reference = new WeakRef(dead);
    dead = undefined;
    // A WeakRef keeps its object until the end of the turn that made the WeakRef.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(reference.deref()).to.equal(undefined);
    expect('gc' in globalThis).to.equal(false);
  });
});
