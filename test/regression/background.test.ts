// Background work that once outlived its store.

import { expect } from 'chai';

import { isKvError } from '../../src/errors.js';
import { SimStore } from '../support/sim-store.js';

describe('close()', () => {
  it('ends everything that waits for its turn, and starts no thread for it', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 16 * 1024 });
    await sim.words.set('k', 'x');
    await sim.words.durable();
    let threads = 0;
    const startWorker = sim.process.startWorker.bind(sim.process);
    sim.process.startWorker = (module, input) => {
      threads += 1;
      return startWorker(module, input);
    };
    // The first task is still running when the store is closed.
    sim.slow('rename', 100);
    const failed: unknown[] = [];
    const note = (error: unknown): void => void failed.push(error);
    for (let at = 0; at < 3; at++) sim.store.snapshot().catch(note);
    await sim.advance(0.5);
    await sim.close();
    expect(failed.map((error) => isKvError(error, 'KV_CLOSED'))).to.deep.equal([true, true, true]);
    expect(threads).to.equal(1);
    expect(sim.process.openFiles.size).to.equal(0);
  });
});
