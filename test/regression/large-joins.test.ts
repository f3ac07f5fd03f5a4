// A join through a file of its own takes many turns. Meanwhile other requests loaded other items, and the flags and the
// token of one of them were stored with the joined value, or compared: `append` was answered `exists`. A touch in between
// was undone, and a join whose piece came as a file was never started again.

import { expect } from 'chai';

import { MIB } from '../../src/limits.js';
import type { Maybe, Put, PutOutcome } from '../../src/store/store.js';
import { SimStore } from '../support/sim-store.js';

const PIECE = Buffer.alloc(1000, 'p');
const BIG = Buffer.alloc(MIB + 1000, 'b');

/** Returns `piece` as a request brings it: in a file when it is long enough. */
async function arrived(sim: SimStore, piece: Buffer): Promise<Put['value']> {
  if (piece.length < MIB) return piece;
  const writer = await sim.wait(sim.store.openLargeValue());
  await sim.wait(writer.write(piece));
  return sim.wait(writer.finish());
}

describe('A join that makes a large value @long', () => {
  let sim: SimStore;

  beforeEach(async () => {
    sim = await SimStore.open({ snapshot: 'never' });
    await sim.words.set('other', 'others', { flags: 99 });
  });

  const ways = [
    { name: 'of a piece to a large value', first: BIG, piece: PIECE },
    { name: 'of a piece that is too much', first: Buffer.alloc(MIB, 'f'), piece: PIECE },
    { name: 'of a piece that came in a file', first: PIECE, piece: BIG },
  ];
  for (const { name, first, piece } of ways) {
    const bytes = first.length + piece.length;
    /** Starts the join. */
    const begin = async (): Promise<{ done: Maybe<PutOutcome> }> => {
      if (first.length > MIB) await sim.words.putLarge('a', [first], { flags: 7 });
      else await sim.words.set('a', first.toString(), { flags: 7 });
      await sim.words.durable();
      const value = await arrived(sim, piece);
      sim.slow('write', 5);
      const key = Buffer.from('a');
      return { done: sim.store.put({ mode: 'append', key, value, flags: 0, expiresAt: 0 }) };
    };

    it(`${name} keeps the flags, whatever is read meanwhile`, async () => {
      const { done } = await begin();
      for (let turn = 0; turn < 20; turn += 1) {
        await sim.advance(1);
        expect((await sim.words.get('other'))?.flags).to.equal(99);
      }
      expect((await sim.wait(done)).status).to.equal('stored');
      const lookup = await sim.words.lookup('a');
      expect(lookup).to.have.nested.property('item.flags', 7);
      expect(lookup).to.have.nested.property('item.valueBytes', bytes);
    });

    it(`${name} keeps the expiry of a touch in between`, async () => {
      const { done } = await begin();
      await sim.advance(7);
      const expiresAt = sim.store.nowMs() + 3_600_000;
      await sim.words.touch('a', expiresAt);
      expect((await sim.wait(done)).status).to.equal('stored');
      expect(await sim.words.lookup('a')).to.have.nested.property('item.expiresAt', expiresAt);
    });

    it(`${name} begins again when the value has changed meanwhile`, async () => {
      const { done } = await begin();
      await sim.advance(7);
      await sim.words.set('a', 'new', { flags: 8 });
      expect((await sim.wait(done)).status).to.equal('stored');
      const lookup = await sim.words.lookup('a');
      expect(lookup).to.have.nested.property('item.flags', 8);
      expect(lookup).to.have.nested.property('item.valueBytes', 3 + piece.length);
      await sim.words.durable();
      await sim.advance(100);
      expect(sim.names('.val')).to.have.length(piece.length > MIB ? 1 : 0);
    });
  }
});
