// Memory per key: the growth of each server's resident memory while it took the same data, divided by the keys. Cairn
// keeps hardly any value in memory here (-m 1), so the rest is its keydir. The memory is measured when it stands
// still, because a server needs more while it works after a fill than it needs for the data.

import { setTimeout } from 'node:timers/promises';
import type { Bench, Case, CaseResult } from '../bench.js';
import { budget, findPeers, startFilled } from '../figure-case.js';
import { CAIRN, MEMCACHED, REDIS } from '../peers/catalog.js';
import type { ServerProcess } from '../peers/process.js';
import { alternate, compare, rowsOf, type Contender } from '../rounds.js';

const BYTES_A_KEY_MAX = 64;
const VALUE_BYTES = 100;
const UNIT = 'B a key';
/** The memory stands still when it changed by no more than this in LOOKS_MIN looks, one after the other. */
const STILL_BYTES_MAX = 1024 * 1024;
const LOOKS_MIN = 4;
const LOOKS_MAX = 30;
const LOOK_MS = 1000;

async function run(bench: Bench): Promise<CaseResult> {
  const test = MEMORY.name;
  const keyCount = bench.sizes.isQuick ? 300_000 : 10_000_000;
  const { present, missing } = findPeers(test, [CAIRN, MEMCACHED, REDIS]);
  const contenders = present.map((peer): Contender => ({
    server: peer.name,
    unit: UNIT,
    measure: async () => {
      const settings = peer === CAIRN ? { memoryMb: 1, flags: ['-I', '256k'] } : {};
      const empty = await bench.start(peer, settings);
      const emptyBytes = empty.process.residentBytes();
      await bench.stop(empty);
      const filled = await startFilled(
        bench,
        peer,
        { keyCount, valueBytes: VALUE_BYTES },
        settings,
      );
      const value = ((await stillBytes(filled.process)) - emptyBytes) / keyCount;
      await bench.stop(filled);
      return { value };
    },
  }));
  const all = [...contenders, budget(BYTES_A_KEY_MAX, UNIT)];
  const rounds = await alternate(all, 1, (line) => bench.progress(line));
  const smaller = (against: string, atMost: number) =>
    compare(test, { metric: 'value', server: 'cairn', against, atMost }, rounds);
  return {
    rows: [...rowsOf(test, all, rounds), ...missing],
    comparisons: [smaller('budget', 1), smaller('memcached -t 1', 1), smaller('redis always', 1)],
  };
}

async function stillBytes(process: ServerProcess): Promise<number> {
  let bytes = process.residentBytes();
  for (let looks = 0, still = 0; looks < LOOKS_MAX && still < LOOKS_MIN; looks += 1) {
    await setTimeout(LOOK_MS);
    const now = process.residentBytes();
    still = Math.abs(now - bytes) <= STILL_BYTES_MAX ? still + 1 : 0;
    bytes = now;
  }
  return bytes;
}

export const MEMORY: Case = {
  name: 'MEMORY',
  title: 'resident memory a key: 20-byte keys, 100-byte values, 10 M keys (quick: 300,000)',
  run,
};

const LOADED_BYTES_A_KEY_MAX = 75;
const REST_MS = 10_000;

/** Measures at a fixed time after the load, not when all is quiet: the memory of a load should be free soon. */
async function runAfterLoad(bench: Bench): Promise<CaseResult> {
  const test = MEMORY_AFTER_LOAD.name;
  const { present, missing } = findPeers(test, [CAIRN]);
  // The memory for values per key is the same in both sets.
  const keyCount = bench.sizes.isQuick ? 200_000 : 2_000_000;
  const settings = bench.sizes.isQuick
    ? { memoryMb: 2, flags: ['-I', '512k'] }
    : { memoryMb: 16, flags: [] };
  const contenders = present.map((peer): Contender => ({
    server: peer.name,
    unit: UNIT,
    measure: async () => {
      const running = await bench.start(peer, settings);
      const emptyBytes = running.process.residentBytes();
      await bench.fill(running, keyCount, VALUE_BYTES);
      await setTimeout(REST_MS);
      const value = (running.process.residentBytes() - emptyBytes) / keyCount;
      await bench.stop(running);
      return { value };
    },
  }));
  const all = [...contenders, budget(LOADED_BYTES_A_KEY_MAX, UNIT)];
  const rounds = await alternate(all, 1, (line) => bench.progress(line));
  const bound = { metric: 'value', server: CAIRN.name, against: 'budget', atMost: 1 } as const;
  return {
    rows: [...rowsOf(test, all, rounds), ...missing],
    comparisons: [compare(test, bound, rounds)],
  };
}

export const MEMORY_AFTER_LOAD: Case = {
  name: 'MEMORY LOAD',
  title: 'resident memory a key 10 s after a load: 2 M keys, -m 16 (quick: 200,000, -m 2)',
  run: runAfterLoad,
};
