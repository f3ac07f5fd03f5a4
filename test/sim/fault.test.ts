import { expect } from 'chai';

import type { FaultCode } from './fault-plan.js';
import { sweepFaults } from './fault-sweep.js';
import { SeededRandom } from './seeded-random.js';
import { drawCommands, drawShape } from './workload.js';

describe('The N-th operation fails', () => {
  const random = new SeededRandom(11);
  const commands = drawCommands(random, { ...drawShape(random), valueBytesMax: 700 }, 25);
  const engine = { segmentBytesMax: 4096, cacheBytesMax: 0 };
  const codes: FaultCode[] = ['EIO', 'ENOSPC', 'EMFILE', 'EROFS'];

  for (const code of codes) {
    for (const forever of [false, true]) {
      it(`${code} ${forever ? 'for ever' : 'once'} loses nothing that was acknowledged`, async function () {
        this.timeout(60_000);
        const step = forever ? 3 : 2;
        const tried = await sweepFaults({ seed: 11, engine, commands, code, forever, step });
        console.log(`      seed 11: ${tried} operations failed`);
        expect(tried).to.be.greaterThan(10);
      });
    }
  }
});
