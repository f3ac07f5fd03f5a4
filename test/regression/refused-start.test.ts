// A refused start once left open the segments that it had read. It also removed files that it took for unneeded before the
// replay found damage.

import { expect } from 'chai';

import { isKvError } from '../../src/errors.js';
import { openStore } from '../../src/store/open-store.js';
import { DIR } from '../sim/engine.js';
import { settle, SimStore } from '../support/sim-store.js';

function contents({ world }: SimStore): Map<string, string> {
  const files = [...world.disk.files()];
  return new Map(files.map(([path, inode]) => [path, Buffer.from(inode.cached()).toString('hex')]));
}

describe('A start that is refused', () => {
  it('closes every file, frees the lock and changes nothing', async () => {
    const sim = await SimStore.open({ segmentBytesMax: 8 * 1024, snapshot: 'never' });
    for (let at = 0; at < 40; at++) {
      await sim.words.set(`k${at}`, 'x'.repeat(600));
      await sim.words.durable();
      await sim.advance(2);
    }
    await sim.close();
    sim.world.disk.write(
      sim.world.disk.create(`${DIR}/MANIFEST.cairn-1.tmp`),
      Buffer.from('half'),
      0,
    );
    // The damage is in a sealed segment, where the replay finds it, and in the open one, where the start looks for the end.
    for (const at of [0, -1]) {
      const { world } = sim;
      // A successor that was never written to has nothing to damage.
      const written = sim
        .names('.seg')
        .filter((name) => world.disk.find(`${DIR}/${name}`)!.cached()[64] !== 0);
      const damaged = written.at(at)!;
      const inode = world.disk.find(`${DIR}/${damaged}`)!;
      const byte = Buffer.from([inode.cached()[130]! ^ 1]);
      world.disk.write(inode, byte, 130);
      const before = contents(sim);
      const process = world.boot();
      const options = { segmentBytesMax: 8 * 1024, useHints: false };
      const refused = openStore(process, DIR, options).catch((error: unknown) => error);
      expect(isKvError(await settle(world, refused), 'KV_CORRUPTION'), damaged).to.equal(true);
      expect(process.openFiles.size, damaged).to.equal(0);
      expect(world.locks.size).to.equal(0);
      expect(contents(sim), damaged).to.deep.equal(before);
      world.disk.write(inode, Buffer.from([byte[0]! ^ 1]), 130);
    }
  });
});
