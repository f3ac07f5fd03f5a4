import { expect } from 'chai';

import type { FaultCode, OperationKind } from './fault-plan.js';
import { EVERYTHING, sweepFaults } from './fault-sweep.js';
import { live } from './machine-life.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { drawCommands, drawShape } from './workload.js';

describe('The N-th operation fails', () => {
  const random = new SeededRandom(11);
  const commands = drawCommands(random, { ...drawShape(random), valueBytesMax: 700 }, 25);
  const engine = { segmentBytesMax: 4096, cacheBytesMax: 0 };
  const codes: FaultCode[] = ['EIO', 'ENOSPC', 'EMFILE', 'EROFS'];

  for (const code of codes) {
    for (const forever of [false, true]) {
      it(`${code} ${forever ? 'for ever' : 'once'} loses nothing that was acknowledged${code === 'EIO' ? '' : ' @long'}`, async function () {
        this.timeout(60_000);
        const step = forever ? 3 : 2;
        const tried = await sweepFaults({ seed: 11, engine, commands, code, forever, step });
        console.log(`      seed 11: ${tried} operations failed`);
        expect(tried).to.be.greaterThan(10);
      });
    }
  }
});

const KINDS: readonly OperationKind[] = [
  ...(['read', 'write', 'sync', 'rename', 'remove', 'open', 'syncDir'] as const),
];

describe('Each operation of a kind fails in turn, until none is left @long', () => {
  const engine = { segmentBytesMax: 4096, cacheBytesMax: 0, compactMinBytes: 1 };
  for (const kind of KINDS) {
    it(`${kind}: EIO, once and for ever`, async function () {
      this.timeout(120_000);
      const sweep = { seed: 12, engine, commands: EVERYTHING, code: 'EIO' as const, kinds: [kind] };
      const once = await sweepFaults({ ...sweep, forever: false });
      const forever = await sweepFaults({ ...sweep, forever: true, step: 4 });
      console.log(`      seed 12: ${once} and ${forever} operations failed`);
      // Only existing files are removed, so there are few calls.
      expect(once).to.be.greaterThan(kind === 'remove' ? 1 : 3);
    });
  }

  it('truncate, which the engine calls only after a failed write: EIO', async function () {
    this.timeout(120_000);
    let tried = 0;
    for (let at = 1, fired = 1; fired > 0; at++) {
      const short = { at, kinds: ['write'], effect: { kind: 'short' } } as const;
      const error = { kind: 'error', code: 'EIO' } as const;
      const faults = [short, { at: 1, kinds: ['truncate'], effect: error } as const];
      const commands = EVERYTHING.slice(0, 3);
      const stages = [
        { commands, faults, end: 'kill' as const },
        { commands: commands.slice(0, 1), faults: [], end: { kind: 'lost' as const } },
      ];
      fired = (await live({ seed: 12, engine, mayVanish: false, stages })).faults;
      if (fired === 2) tried += 1;
    }
    console.log(`      seed 12: ${tried} times failed`);
    expect(tried).to.be.greaterThan(0);
  });
});
