// The image of a clean stop: a start from it gives the state of a replay; an image in doubt is not used.

import { expect } from 'chai';

import { IMAGE_NAME } from '../../../../src/log/bytes/file-names.js';
import {
  BATCH_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from '../../../../src/log/bytes/format.js';
import { MIB } from '../../../../src/limits.js';
import { DIR } from '../../../sim/engine.js';
import { SimStore } from '../../../support/sim-store.js';

const PATH = `${DIR}/${IMAGE_NAME}`;
const OPTIONS = { segmentBytesMax: 8 * 1024, compactMinBytes: 1e9, snapshot: 'never' } as const;

/** Makes every kind of record over several segments, some of them compacted, so slots are out of order. */
async function eventful(): Promise<SimStore> {
  const sim = await SimStore.open(OPTIONS);
  const { words, store } = sim;
  for (let at = 0; at < 100; at++) {
    await words.set(`k${at % 40}`, `${at}`.repeat(100), { flags: at });
    if (at % 7 === 0) await words.touch(`k${at % 30}`, store.nowMs() + 1e7 + at);
    if (at % 11 === 0) await words.delete(`k${at % 30}`);
    if (at % 13 === 0) await words.set(`cas${at}`, 'y', { chosenCas: BigInt(at) + (1n << 60n) });
    if (at === 40) store.deletePrefix(Buffer.from('cas1'));
    if (at === 50) store.flush(store.nowMs() + 60_000);
    if (at === 70) await words.putLarge('large', [Buffer.alloc(MIB + 1, 7)]);
    if (at === 80) await sim.wait(store.compact({ everything: true }));
    await words.durable();
    await sim.advance(2);
  }
  await sim.advance(2000);
  return sim;
}

/** Returns everything that a client can see, and the accounting behind it. */
async function seen(sim: SimStore): Promise<unknown[]> {
  const entries: unknown[] = (await sim.words.listAll(100))
    .map(({ key, cas, expiresAt, bytes }) => `${key.toString()} ${cas} ${expiresAt} ${bytes}`)
    .toSorted();
  const stats = ['curr_items', 'bytes', 'kv_live_bytes', 'kv_last_seq'].map((name) =>
    sim.stat(name),
  );
  return [...entries, ...stats, await sim.contents()];
}

function bytesOfImage(sim: SimStore): Buffer {
  return Buffer.from(sim.world.disk.find(PATH)!.cached());
}

function putBack({ world: { disk } }: SimStore, image: Buffer): void {
  disk.remove(PATH);
  disk.write(disk.create(PATH), image, 0);
}

/** Starts a store from its image, loses power after `change`, and starts it with that image back. */
async function withImageBack(change: (sim: SimStore) => Promise<void>): Promise<SimStore> {
  const sim = await SimStore.open(OPTIONS);
  await sim.words.set('a', 'old');
  await sim.close();
  const old = bytesOfImage(sim);
  await sim.reopen();
  await change(sim);
  sim.world.losePower({ kind: 'lost' });
  putBack(sim, old);
  await sim.reopen('kill');
  return sim;
}

describe('The image of a clean stop', () => {
  it('gives the state of a replay, and is used once', async () => {
    const sim = await eventful();
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(1);
    // The image is removed while the store serves already.
    await sim.advance(100);
    expect(sim.names(IMAGE_NAME)).to.deep.equal([]);
    const found = await seen(sim);
    await sim.close();
    sim.world.disk.remove(PATH);
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(0);
    expect(found).to.deep.equal(await seen(sim));
    await sim.close();
  });

  it('starts a store that takes deletes, flushes, compactions, another stop and a kill', async () => {
    const sim = await eventful();
    await sim.reopen();
    const { words } = sim;
    await words.set('k1', 'new');
    await words.delete('k2');
    await words.durable();
    await sim.wait(sim.store.compact({ everything: true }));
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(1);
    const found = await seen(sim);
    expect(await words.value('k1')).to.equal('new');
    expect(await words.value('k2')).to.equal(undefined);
    expect(await words.value('k3')).to.be.a('string');
    await sim.reopen('kill');
    expect(await seen(sim)).to.deep.equal(found);
    await sim.advance(61_000);
    expect(await words.value('k1')).to.equal(undefined);
    await sim.close();
  });

  it('keeps the order of use, in which items are evicted', async () => {
    const sim = await SimStore.open({ ...OPTIONS, keysMax: 3 });
    for (const key of ['a', 'b', 'c']) await sim.words.set(key, 'x');
    await sim.words.get('a');
    await sim.words.durable();
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(1);
    await sim.words.set('d', 'x');
    expect(Object.keys(await sim.contents()).toSorted()).to.deep.equal(['a', 'c', 'd']);
    await sim.close();
  });

  it('is not used by a store that keeps the order of use when it does not have it', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.words.set('a', 'x');
    await sim.reopen('close', { ...OPTIONS, keysMax: 3 });
    expect(sim.stat('kv_recovery_image')).to.equal(0);
    expect(await sim.words.value('a')).to.equal('x');
    await sim.close();
  });

  it('is refused when any byte is changed or missing, and the contents stay @long', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.words.set('a', 'x');
    await sim.words.set('b', 'y', { expiresAt: sim.store.nowMs() + 1e9 });
    await sim.close();
    const { length } = bytesOfImage(sim);
    for (let at = 0; at < length; at += at < 64 ? 1 : 97) {
      const inode = sim.world.disk.find(PATH)!;
      sim.world.disk.write(inode, Buffer.from([inode.cached()[at]! ^ (1 << (at % 8))]), at);
      await sim.reopen();
      expect(sim.stat('kv_recovery_image'), `byte ${at}`).to.equal(0);
      expect(await sim.contents(), `byte ${at}`).to.deep.equal({ a: 'x', b: 'y' });
      await sim.close();
      sim.world.disk.truncate(sim.world.disk.find(PATH)!, at);
      await sim.reopen();
      expect(sim.stat('kv_recovery_image'), `${at} bytes`).to.equal(0);
      await sim.close();
    }
  });

  it('is refused when it comes back with a power loss and the store was written since', async () => {
    const sim = await withImageBack(async ({ words }) => {
      await words.set('a', 'new');
      await words.durable();
    });
    const refusals = sim.world.log.filter(({ message }) => message.includes('another state'));
    expect(refusals).to.have.length(1);
    expect(await sim.words.value('a')).to.equal('new');
    await sim.close();
  });

  it('is used when it comes back with a power loss and no durable write came since', async () => {
    const sim = await withImageBack(async ({ words }) => {
      await words.set('a', 'never acknowledged');
    });
    expect(sim.stat('kv_recovery_image')).to.equal(1);
    expect(await sim.words.value('a')).to.equal('old');
    await sim.close();
  });

  it('is refused when it is older than a compaction', async () => {
    const sim = await eventful();
    await sim.close();
    const old = bytesOfImage(sim);
    await sim.reopen();
    await sim.wait(sim.store.compact({ everything: true }));
    const found = await seen(sim);
    await sim.close();
    putBack(sim, old);
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(0);
    expect(await seen(sim)).to.deep.equal(found);
    await sim.close();
  });

  it('spares the start reading the last segment, and a read finds the damage in it', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.words.set('a', 'x');
    await sim.close();
    const [segment] = sim.names('.seg');
    const inode = sim.world.disk.find(`${DIR}/${segment}`)!;
    const key = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES + FRAME_HEADER_BYTES;
    sim.world.disk.write(inode, Buffer.from('b'), key);
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(1);
    expect((await sim.words.lookup('a')).kind).to.equal('damaged');
    await sim.close();
  });

  it('leaves missing hints of sealed segments to be written after the start', async () => {
    const sim = await eventful();
    await sim.close();
    const hints = sim.names('.hint');
    expect(hints.length).to.be.greaterThan(1);
    for (const name of hints) sim.world.disk.remove(`${DIR}/${name}`);
    await sim.reopen();
    expect(sim.stat('kv_recovery_image')).to.equal(1);
    await sim.advance(5000);
    expect(sim.names('.hint')).to.deep.equal(hints);
    await sim.close();
  });

  it('is not written when the disk has no room', async () => {
    const sim = await SimStore.open(OPTIONS);
    await sim.words.set('a', 'x');
    await sim.words.durable();
    sim.world.disk.capacityBytes = 1;
    await sim.close();
    expect(sim.names(IMAGE_NAME)).to.deep.equal([]);
    sim.world.disk.capacityBytes = Infinity;
    await sim.reopen();
    expect(await sim.words.value('a')).to.equal('x');
    await sim.close();
  });
});
