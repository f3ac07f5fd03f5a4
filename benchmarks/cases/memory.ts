// Memory a key: how much the resident memory of each server grew while it took the same data, divided
// by the keys. Cairn keeps hardly any value in memory here (-m 1), so what is left is its keydir.

import type { Bench, Case, CaseResult } from '../bench.js';
import { budget, findPeers, startFilled } from '../figure-case.js';
import { CAIRN, MEMCACHED, REDIS } from '../peers/catalog.js';
import { alternate, compare, rowsOf, type Contender } from '../rounds.js';

const BYTES_A_KEY_MAX = 64;
const VALUE_BYTES = 100;
const UNIT = 'B a key';

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
      const value = (filled.process.residentBytes() - emptyBytes) / keyCount;
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

export const MEMORY: Case = {
  name: 'MEMORY',
  title: 'resident memory a key: 20-byte keys, 100-byte values, 10 M keys (quick: 300,000)',
  run,
};
