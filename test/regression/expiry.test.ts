// Expired items that came back: after a compaction, and after the clock went back between two starts.

import { expect } from 'chai';

import { live } from '../sim/machine-life.js';
import type { SimDisk } from '../sim/sim-disk.js';
import type { Command } from '../sim/workload.js';
import { SimStore } from '../support/sim-store.js';

const SMALL = { segmentBytesMax: 4096, cacheBytesMax: 0, compactMinBytes: 1, compactRatio: 0.5 };
const HOUR_MS = 3_600_000;

/** Sizes of the items written before and after the touch: by these sizes compaction chooses the segments. */
const FIRST = ['live0:1144', 'live1:1183', 'live2:1191', 'gone0:50', 'gone1:50'];
const BEFORE = ['k1:661', 'k0:553', 'k1:653'];
const AFTER =
  'k2:625 k0:970 k1:448 k2:864 k2:907 k0:518 k1:514 k1:338 k1:843 k2:400 k2:438 k2:611 k1:748 k0:678 k1:594';

function set(size: string): Command {
  const [key = '', bytes] = size.split(':');
  return { do: 'set', key, bytes: Number(bytes), flags: 0, ttlMs: 0 };
}

describe('An item that a touch gave an end', () => {
  it('stays gone when a compaction reaches the touch but not the put', async () => {
    const inBatches = (sizes: readonly string[]): Command[] =>
      sizes.flatMap((size) => [set(size), { do: 'durable' }]);
    const commands: Command[] = [
      ...FIRST.map(set),
      { do: 'durable' },
      ...inBatches(BEFORE),
      { do: 'touch', key: 'gone0', ttlMs: 200 },
      { do: 'sleep', ms: 700 },
      { do: 'touch', key: 'gone1', ttlMs: 200 },
      { do: 'sleep', ms: 700 },
      ...inBatches(`${AFTER} k2:973 k1:543`.split(' ')),
      { do: 'sleep', ms: 12_000 },
    ];
    const stages = [{ commands, faults: [], end: 'kill' as const }];
    await live({ seed: 8, engine: SMALL, stages, mayVanish: false });
  });
});

describe('An item whose end a client has seen', () => {
  for (const answer of ['get', 'touch', 'delete'] as const) {
    it(`stays gone after a crash and a clock that is behind (${answer})`, async () => {
      const sim = await SimStore.open();
      const { words, store } = sim;
      await words.set('k', 'short', { expiresAt: store.nowMs() + 300 });
      await words.durable();
      await sim.advance(310);
      const key = Buffer.from('k');
      const told =
        answer === 'get'
          ? await sim.wait(store.get(key))
          : answer === 'touch'
            ? store.touch(key, 0)
            : await sim.wait(store.delete({ key }));
      expect('kind' in told ? told.kind : told.status).to.be.oneOf(['miss', 'not-found']);
      // The answer waits for the record that makes it true for ever.
      expect(told.after).to.be.above(store.durability.watermark);
      await words.durable();
      sim.world.wallOffsetMs -= HOUR_MS;
      await sim.reopen({ kind: 'lost' });
      expect(await sim.words.value('k')).to.equal(undefined);
    });
  }

  it('waits for nothing when the log shows a time when it was dead', async () => {
    const sim = await SimStore.open();
    const { words, store } = sim;
    await words.set('k', 'short', { expiresAt: store.nowMs() + 300 });
    await sim.advance(310);
    await words.set('other', 'x');
    await words.durable();
    expect(await sim.wait(store.get(Buffer.from('k')))).to.include({ kind: 'miss', after: 0 });
  });

  it('keeps the file of its large value until the log shows its end', async () => {
    const sim = await SimStore.open();
    const { words, store } = sim;
    await words.set('large', 'x'.repeat(1_100_000), { expiresAt: store.nowMs() + 300 });
    await words.durable();
    let removed: SimDisk | undefined;
    sim.world.observe = ({ kind, path, phase }) => {
      if (kind !== 'remove' || phase !== 'finished' || !path.endsWith('.val')) return;
      removed = sim.world.disk.afterPowerLoss({ kind: 'kept' });
    };
    await sim.advance(5000);
    expect(removed).to.not.equal(undefined);
    sim.world.kill();
    sim.world.disk = removed ?? sim.world.disk;
    sim.world.wallOffsetMs -= HOUR_MS;
    await sim.reopen('kill');
    expect(await sim.words.value('large')).to.equal(undefined);
  });

  it('stays gone when its end was a flush that had come due', async () => {
    const sim = await SimStore.open();
    const { words, store } = sim;
    await words.set('k', 'x');
    store.flush(store.nowMs() + 300);
    await words.durable();
    await sim.advance(310);
    const told = await sim.wait(store.get(Buffer.from('k')));
    expect(told).to.include({ kind: 'miss', reason: 'flushed' });
    await words.durable();
    sim.world.wallOffsetMs -= HOUR_MS;
    await sim.reopen({ kind: 'lost' });
    expect(await sim.words.value('k')).to.equal(undefined);
  });
});
