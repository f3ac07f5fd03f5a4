// The conformance suite over the store on the simulated disk: the same code, no real time, and a kill that keeps the page
// cache, while a power loss would not.

import { SimWorld } from '../sim/sim-world.js';
import { DIR, openEngine } from '../sim/engine.js';
import { unwrap } from '../sim/recovery-check.js';
import { storeConformance } from './store-conformance.js';
import type { StoreFixture } from './subject.js';

storeConformance('simulated disk @long', openFixture, true);

async function openFixture(): Promise<StoreFixture> {
  const world = new SimWorld(1);
  world.disk.makeDir(DIR);
  const options = { segmentBytesMax: 16 * 1024, cacheBytesMax: 1000 };
  const wait = async <T>(promise: Promise<T> | T): Promise<T> => {
    const settled = await world.scheduler.settle(promise);
    if (settled.kind === 'error') throw settled.error;
    return unwrap(settled, 'call');
  };
  const open = () => wait(openEngine(world.boot(), options));
  let store = await open();
  return {
    get store() {
      return store;
    },
    wait,
    async advance(delayMs) {
      await world.scheduler.advance(delayMs);
    },
    async reopen(how) {
      if (how === 'close') await wait(store.close());
      else world.kill();
      store = await open();
    },
    close: () => wait(store.close()),
  };
}
