// Group commit over a simulated disk: the order of batches and waits, and the records that a failure takes back.

import { expect } from 'chai';

import { parseManifest } from '../../../../src/log/bytes/manifest.js';
import { RECORD } from '../../../../src/log/bytes/format.js';
import { DIR } from '../../../sim/engine.js';
import { FaultPlan } from '../../../sim/fault-plan.js';
import type { SimDisk } from '../../../sim/sim-disk.js';
import { SimLog } from '../../../support/sim-log.js';

/** Waits until only commits write; each takes 10 ms from then on. */
async function quiet(sim: SimLog): Promise<void> {
  await sim.advance(3000);
  sim.world.latencyMs = (kind) => (kind === 'write' ? 5 : 0.01);
  sim.told();
}

describe('GroupCommit', () => {
  it('append() gives each record its seq and place at once, and the watermark follows in order', async () => {
    const sim = await SimLog.open();
    const placed = ['a', 'b', 'c'].map((key) => sim.append(key));
    expect(placed.map((each) => each?.seq)).to.deep.equal([1, 2, 3]);
    expect(sim.log.watermark).to.equal(0);
    expect(sim.log.lastSeq).to.equal(3);
    placed.forEach((each, at) => {
      const frame = sim.log.read(each!.segment.slot, each!.offset, each!.bytes);
      if (frame instanceof Promise || typeof frame === 'string') throw new Error('Not pending');
      expect(frame.record.key.toString()).to.equal('abc'[at]);
    });
    await sim.wait(sim.log.drained());
    expect(sim.told()).to.deep.equal(['durable 3']);
  });

  it('records gather in the next batch while one is written, so any number takes two commits', async () => {
    const sim = await SimLog.open();
    await quiet(sim);
    const before = sim.log.counters.batches;
    let writing = 0;
    let most = 0;
    sim.world.observe = ({ kind, phase }) => {
      if (kind !== 'write') return;
      writing += phase === 'started' ? 1 : -1;
      most = Math.max(most, writing);
    };
    sim.append('first');
    for (let at = 0; at < 30; at++) {
      await sim.advance(0.2);
      sim.append(`k${at}`);
    }
    await sim.wait(sim.log.drained());
    expect(sim.log.counters.batches - before).to.equal(2);
    expect(most).to.equal(1);
    expect(sim.told()).to.deep.equal(['durable 1', 'durable 31']);
  });

  it('a commit begins after the input of a lone client, and a turn later with many clients', async () => {
    const sim = await SimLog.open();
    await quiet(sim);
    const { clock } = sim;
    const defer = clock.defer.bind(clock);
    let deferred = 0;
    clock.defer = (call) => {
      deferred += 1;
      defer(call);
    };
    for (const clients of [1, 2]) {
      const before = sim.log.counters.batches;
      sim.log.durability.serve(clients);
      for (const key of ['a', 'b']) sim.append(key);
      await sim.wait(sim.log.drained());
      expect(sim.log.counters.batches - before, 'both records are in one batch').to.equal(1);
      expect(deferred, `${clients} clients`).to.equal(clients - 1);
    }
  });

  it('drainedUpTo() waits for its seq and not for later seqs', async () => {
    const sim = await SimLog.open();
    await quiet(sim);
    sim.append('a');
    const waited = sim.log.drainedUpTo(1).then(() => sim.log.watermark);
    await sim.advance(1);
    sim.append('b');
    expect(await sim.wait(waited)).to.equal(1);
    await sim.wait(sim.log.drainedUpTo(2));
    expect(sim.log.watermark).to.equal(2);
  });

  it('a commit without room takes back the newest records first, and the next commit succeeds', async () => {
    const sim = await SimLog.open();
    sim.append('kept');
    await sim.wait(sim.log.drained());
    await quiet(sim);
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect: { kind: 'short' } }]);
    for (const key of ['a', 'b']) sim.append(key);
    await sim.advance(1);
    sim.append('c');
    await sim.advance(100);
    const told = sim.told();
    expect(told.slice(0, 4)).to.deep.equal(['undone c', 'undone b', 'undone a', 'failed no-space']);
    expect(sim.log.watermark).to.equal(sim.log.lastSeq);
    const { lastSeq } = sim.log;
    await sim.advance(3000);
    expect(sim.append('later')?.seq).to.equal(lastSeq + 1);
    await sim.wait(sim.log.drained());
    sim.world.kill();
    await sim.open();
    expect(sim.keys).to.deep.equal(['kept', 'later']);
    expect(sim.log.recovery.tornBytes).to.equal(0);
  });

  it('long batches are appended with one write and no sync, and short batches get zeros ahead again', async () => {
    const sim = new SimLog(1024 * 1024);
    sim.appendBytesMin = 5000;
    await sim.open();
    const done: string[] = [];
    // Writes of the manifest, which records now and then how long the segment has grown, do not count.
    sim.world.observe = ({ kind, phase, path }) =>
      void (phase === 'started' && path.endsWith('.seg') && done.push(kind));
    const commit = async (bytes: number): Promise<string> => {
      done.length = 0;
      sim.append('k', bytes);
      await sim.wait(sim.log.drained());
      await sim.advance(10);
      return done.join(' ');
    };
    // The log grows beyond the zeros of the start, and the successor exists.
    for (let at = 0; at < 30; at++) await commit(20_000);
    await sim.advance(1000);
    let appended = 0;
    for (let at = 0; at < 15; at++) {
      const before = sim.world.disk.usedBytes();
      expect(await commit(20_000)).to.equal('write');
      if (sim.world.disk.usedBytes() > before) appended++;
    }
    expect(appended).to.be.greaterThan(3);
    for (let at = 0; at < 40; at++) await commit(100);
    expect(await commit(100)).to.equal('write');
    sim.world.kill();
    await sim.open();
    expect(sim.keys.length).to.equal(86);
  });

  it('a disk that is full while batches are appended takes deletes, and puts when there is room again', async () => {
    const sim = new SimLog(64 * 1024);
    sim.appendBytesMin = 0;
    await sim.open();
    for (let at = 0; at < 12; at++) {
      sim.append('kept', 1500);
      await sim.wait(sim.log.drained());
    }
    const { disk } = sim.world;
    disk.capacityBytes = disk.usedBytes();
    let stored = 0;
    while (sim.append('more', 1500) !== undefined) {
      expect(stored++).to.be.below(100);
      await sim.wait(sim.log.drained());
    }
    const placed = sim.append('kept', 0, RECORD.delete);
    await sim.wait(sim.log.drained());
    expect(sim.log.watermark).to.equal(placed?.seq);
    disk.capacityBytes = Infinity;
    await sim.advance(3000);
    expect(sim.append('later', 1500)).to.not.equal(undefined);
    await sim.wait(sim.log.drained());
    sim.world.kill();
    await sim.open();
    expect(sim.keys.at(-1)).to.equal('later');
  });

  it('any other failure poisons the log, takes back all records and stops every write, seals too', async () => {
    const sim = await SimLog.open();
    await quiet(sim);
    const effect = { kind: 'error', code: 'EIO' } as const;
    sim.world.faults = new FaultPlan([{ at: 1, kinds: ['write'], effect }]);
    sim.append('a');
    sim.append('b');
    await sim.advance(100);
    expect(sim.told()).to.deep.equal(['undone b', 'undone a', 'failed poisoned']);
    expect(sim.log.poisoned).to.equal(true);
    let writes = 0;
    sim.world.observe = ({ kind }) => void (writes += kind === 'write' ? 1 : 0);
    expect(sim.append('c')).to.equal(undefined);
    await sim.advance(5000);
    await sim.wait(sim.log.close());
    expect(writes).to.equal(0);
    expect(sim.openFiles).to.equal(0);
    await sim.open();
    expect(sim.keys).to.not.include('c');
  });

  for (const [how, takeAway] of [
    ['removed', (disk, path) => disk.remove(path)],
    ['moved', (disk, path) => disk.rename(path, `${path}.old`)],
    ['replaced', (disk, path) => void (disk.remove(path), disk.create(path))],
  ] as readonly (readonly [string, (disk: SimDisk, path: string) => void])[]) {
    it(`a log that was ${how} while it was open and idle is poisoned within two seconds`, async () => {
      const sim = await SimLog.open();
      sim.append('a');
      await quiet(sim);
      await sim.advance(5000);
      expect(sim.told()).to.deep.equal([]);
      takeAway(sim.world.disk, sim.log.table.ordered.at(-1)!.file.path);
      await sim.advance(2000);
      expect(sim.told()).to.deep.equal(['failed poisoned']);
      expect(sim.append('b')).to.equal(undefined);
      await sim.wait(sim.log.close());
      expect(sim.openFiles).to.equal(0);
    });
  }

  it('a removal under load refuses later appends, and reports one failure', async () => {
    const sim = await SimLog.open();
    await quiet(sim);
    sim.world.disk.remove(sim.log.table.ordered.at(-1)!.file.path);
    let taken = 0;
    while (sim.append(`k${taken}`) !== undefined && taken < 2000) {
      taken += 1;
      await sim.advance(3);
    }
    expect(taken).to.be.below(2000 / 3);
    await sim.advance(3000);
    expect(sim.told().filter((what) => what.startsWith('failed'))).to.have.length(1);
  });

  it('a full disk refuses puts, takes deletes, and resumes by itself', async () => {
    const sim = await SimLog.open();
    sim.append('k');
    await quiet(sim);
    sim.world.disk.capacityBytes = sim.world.disk.usedBytes();
    let taken = 0;
    while (taken < 1000 && sim.append('k', 500) !== undefined) {
      taken += 1;
      await sim.advance(20);
    }
    expect(sim.log.short).to.equal(true);
    expect(taken).to.be.greaterThan(10);
    for (let at = 0; at < 20; at++) {
      expect(sim.append('k', 0, RECORD.delete)).to.not.equal(undefined);
      await sim.advance(20);
    }
    await sim.wait(sim.log.drained());
    expect(sim.log.watermark).to.equal(sim.log.lastSeq);
    sim.world.disk.capacityBytes = Infinity;
    await sim.advance(2500);
    expect(sim.log.short).to.equal(false);
    expect(sim.append('k', 500)).to.not.equal(undefined);
  });

  it('one seal follows after a second of idleness', async () => {
    const sim = await SimLog.open();
    await quiet(sim);
    const seals = (): number => sim.log.counters.seals;
    const before = seals();
    await sim.advance(3000);
    expect(seals()).to.equal(before);
    sim.append('a');
    await sim.advance(900);
    expect(seals()).to.equal(before);
    sim.append('b');
    await sim.advance(900);
    expect(seals()).to.equal(before);
    await sim.advance(200);
    expect(seals()).to.equal(before + 1);
    await sim.advance(5000);
    expect(seals()).to.equal(before + 1);
  });

  it('a start with a tail more than half full makes no successor before its first write', async () => {
    const sim = await SimLog.open(4096);
    sim.append('most', 2500);
    await sim.wait(sim.log.drained());
    await sim.wait(sim.log.close());
    await sim.open();
    await sim.advance(3000);
    expect(sim.log.segmentsCreated).to.equal(0);
    expect(sim.world.log.filter(({ level }) => level !== 'debug')).to.deep.equal([]);
    sim.append('more');
    await sim.wait(sim.log.drained());
    await sim.advance(1000);
    expect(sim.log.segmentsCreated).to.equal(1);
  });

  it('a full segment is followed by the next, the manifest names both and a start replays both', async () => {
    const sim = await SimLog.open(4096);
    const keys: string[] = [];
    for (let at = 0; at < 40; at++) {
      keys.push(`key${at}`);
      sim.append(`key${at}`, 400);
      await sim.wait(sim.log.drained());
      await sim.advance(5);
    }
    const sealed = sim.told().filter((event) => event.startsWith('sealed'));
    expect(sealed.length).to.be.greaterThan(3);
    expect(sealed).to.deep.equal([...sealed].sort());
    const text = Buffer.from(sim.world.disk.find(`${DIR}/MANIFEST`)!.cached()).toString();
    const { segments } = parseManifest(text, 'MANIFEST');
    expect(segments.filter(({ bytes }) => bytes === null).length).to.be.within(1, 2);
    expect(segments.length).to.be.within(sealed.length + 1, sealed.length + 2);
    sim.world.kill();
    await sim.open();
    expect(sim.keys).to.deep.equal(keys);
    const seqs = sim.entries.map(({ seq }) => seq);
    expect(seqs).to.deep.equal([...seqs].sort((a, b) => a - b));
  });

  it('rotate() seals a segment that is not full, and does not seal an empty one', async () => {
    const sim = await SimLog.open();
    await sim.wait(sim.log.rotate());
    expect(sim.told()).to.deep.equal([]);
    sim.append('a');
    await sim.wait(sim.log.rotate());
    expect(sim.told().filter((event) => event.startsWith('sealed')).length).to.equal(1);
    sim.append('b');
    await sim.wait(sim.log.drained());
    sim.world.kill();
    await sim.open();
    expect(sim.keys).to.deep.equal(['a', 'b']);
  });

  it('close() commits the appended records, seals cleanly and closes every file', async () => {
    const sim = await SimLog.open();
    sim.append('a');
    sim.append('b');
    await sim.wait(sim.log.close());
    expect(sim.log.watermark).to.equal(2);
    expect(sim.append('c')).to.equal(undefined);
    expect(sim.openFiles).to.equal(0);
    await sim.open();
    expect(sim.keys).to.deep.equal(['a', 'b']);
    expect(sim.log.recovery).to.include({ clean: true, tornBytes: 0, lastSeq: 2 });
  });

  it('a record that is larger than a segment is stored and replayed', async () => {
    const sim = await SimLog.open(4096);
    sim.append('small');
    sim.append('large', 100_000);
    sim.append('next');
    await sim.wait(sim.log.drained());
    sim.world.kill();
    await sim.open();
    expect(sim.keys).to.deep.equal(['small', 'large', 'next']);
  });
});
