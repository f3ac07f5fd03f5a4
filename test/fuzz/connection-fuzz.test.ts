// Random and mutated bytes against a real server process, cut at random places: it neither ends nor hangs, its memory stays
// bounded, and the next client is served in all three protocols. The meaning of the bytes does not matter here;
// test/unit/protocol/splits.test.ts compares that.

import { expect } from 'chai';
import * as fc from 'fast-check';
import { memoryBytes } from '../reliability/machine.js';
import { seeded } from '../support/seed.js';
import { rounds } from '../support/tier.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { converse, notServed } from './conversation.js';
import { garbage, mutated, pieces, WELL_FORMED } from './streams.js';
import { removeFolder } from '../support/remove-folder.js';

const AT_ONCE = 8;
const ROUNDS = rounds(375, 40);
/** The limit is above what the server needs to begin with; bodies of 2 GB are announced all the time. */
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;

describe('fuzz: three parsers behind a real connection', function () {
  this.timeout(60_000);
  let dir: string;
  let server: ServerProcess;
  let ended = false;

  before(async () => {
    dir = temporaryFolder();
    server = await ServerProcess.start(cairnLaunch(dir, ['-I', '1g']));
    void server.exited.then(() => (ended = true));
  });
  after(async () => {
    await server?.kill();
    if (dir !== undefined) removeFolder(dir);
  });

  async function expectServed(): Promise<void> {
    expect(await notServed(server.port), server.output).to.deep.equal([]);
    expect(ended, server.output).to.equal(false);
  }

  const stream = fc.tuple(
    fc.oneof(garbage, mutated, mutated, mutated),
    fc.array(fc.nat(4000), { maxLength: 8 }),
  );
  const round = fc.array(stream, { minLength: AT_ONCE, maxLength: AT_ONCE });

  it(`${ROUNDS * AT_ONCE} streams: the server neither ends nor hangs, its memory is bounded, and it serves the next client`, async () => {
    const before = memoryBytes(server.pid, 'VmHWM');
    const attack = async (streams: readonly (readonly [Buffer, number[]])[]): Promise<void> => {
      await Promise.all(streams.map(([bytes, cuts]) => converse(server.port, pieces(bytes, cuts))));
      await expectServed();
    };
    const { seed } = seeded(`fuzz, ${AT_ONCE} streams a run`, ROUNDS);
    await fc.assert(fc.asyncProperty(round, attack), { seed, numRuns: ROUNDS, endOnFailure: true });
    const grownBytes = memoryBytes(server.pid, 'VmHWM') - before;
    expect(grownBytes, 'growth of peak memory').to.be.below(GROWTH_BYTES_MAX);
  });

  it('every split of a well-formed stream gives the same replies', async () => {
    let cases = 0;
    for (const bytes of WELL_FORMED) {
      const whole = await converse(server.port, [bytes]);
      expect(whole).not.to.equal('');
      for (let at = 1; at < bytes.length; at++) {
        const reply = await converse(server.port, [bytes.subarray(0, at), bytes.subarray(at)]);
        expect(reply, `cut at ${at} of ${bytes.toString('latin1')}`).to.equal(whole);
        cases += 1;
      }
    }
    console.log(`      every split: ${cases} cases`);
  });
});
