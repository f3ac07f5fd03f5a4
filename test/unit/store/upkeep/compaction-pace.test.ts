// The pace of a compaction: no delay while no client is served, and otherwise a delay by the bytes.

import { expect } from 'chai';

import { CompactionPace } from '../../../../src/store/upkeep/compaction-pace.js';
import type { StoreParts } from '../../../../src/store/items/parts.js';

const MIB = 1024 * 1024;

class Scene {
  nowMs = 1000;
  readonly cache = { stats: { hits: 0, misses: 0 } };
  readonly log = { short: false, counters: { records: 0, bytes: 0 } };
  readonly pace: CompactionPace;

  constructor() {
    const clock = { monotonicMs: () => this.nowMs };
    this.pace = new CompactionPace({
      env: { clock },
      cache: this.cache,
      log: this.log,
    } as unknown as StoreParts);
  }

  /** Returns the ms that lots of 1 MiB take, one after the other, with a call of `client` before each. */
  run(lots: number, client: () => void): number {
    const startMs = this.nowMs;
    for (let lot = 0; lot < lots; lot += 1) {
      client();
      this.nowMs += 1 + this.pace.delayMs(MIB);
    }
    return this.nowMs - startMs;
  }
}

describe('CompactionPace', () => {
  it('delayMs() gives 0 while no client is served', () => {
    const scene = new Scene();
    expect(scene.run(100, () => undefined)).to.equal(100);
  });

  it('delayMs() holds 128 MiB/s beside reads, and beside few writes', () => {
    for (const serve of [
      ({ cache }: Scene) => (cache.stats.hits += 1),
      ({ cache }: Scene) => (cache.stats.misses += 1),
      ({ log }: Scene) => (log.counters.records += 1),
    ]) {
      const scene = new Scene();
      expect(scene.run(128, () => serve(scene))).to.be.within(990, 1010);
    }
  });

  it('delayMs() ends soon after the last request', () => {
    const scene = new Scene();
    scene.run(10, () => (scene.cache.stats.hits += 1));
    scene.nowMs += 101;
    expect(scene.pace.delayMs(MIB)).to.equal(0);
  });

  it('delayMs() gives 0 on a disk without room', () => {
    const scene = new Scene();
    scene.log.short = true;
    expect(scene.run(100, () => (scene.log.counters.records += 1))).to.equal(100);
  });

  it('delayMs() lets compaction read up to four times as fast as clients write', () => {
    const scene = new Scene();
    const write = (): void => {
      scene.log.counters.records += 1;
      // The client writes 100 MiB/s, whatever the time between two lots.
      scene.log.counters.bytes = (scene.nowMs / 1000) * 100 * MIB;
    };
    write();
    const first = new CompactionPace({
      env: { clock: { monotonicMs: () => scene.nowMs } },
      cache: scene.cache,
      log: scene.log,
    } as unknown as StoreParts);
    const startMs = scene.nowMs;
    for (let lot = 0; lot < 2000; lot += 1) {
      write();
      scene.nowMs += 1 + first.delayMs(MIB);
    }
    expect((2000 / (scene.nowMs - startMs)) * 1000).to.be.within(300, 400);
  });
});
