// Checks whether requests become slower as the store grows: the same load on a small and on a large store. Both have
// memory for all values, so that the keydir is measured and not the page cache.

import type { Bench, Case, CaseResult } from '../bench.js';
import { findPeers, startFilled } from '../figure-case.js';
import { CAIRN } from '../peers/catalog.js';
import { alternate, compare, rowsOf, sampleOf, type Contender } from '../rounds.js';

const VALUE_BYTES = 100;
const SMALL_KEY_COUNT = 10_000;
const MEMORY_MB = 4096;
const LEAST_RATIO = 0.7;

async function run(bench: Bench): Promise<CaseResult> {
  const test = GROWTH.name;
  const { present, missing } = findPeers(test, [CAIRN]);
  if (present.length === 0) return { rows: missing, comparisons: [] };
  const contenders: Contender[] = [];
  for (const keyCount of [SMALL_KEY_COUNT, bench.sizes.isQuick ? 300_000 : 10_000_000]) {
    const fill = { keyCount, valueBytes: VALUE_BYTES };
    const running = await startFilled(bench, CAIRN, fill, { memoryMb: MEMORY_MB });
    const size = keyCount === SMALL_KEY_COUNT ? 'small' : 'large';
    for (const [kind, readRatio] of [
      ['GET', 1],
      ['SET', 0],
    ] as const) {
      contenders.push({
        server: `${kind} ${size}`,
        unit: `${keyCount} keys`,
        measure: async (round) =>
          sampleOf(await bench.load(running, { ...fill, readRatio, seed: round + 1 })),
      });
    }
  }
  // Small and large stand side by side for each kind of load.
  contenders.sort((a, b) => a.server.localeCompare(b.server));
  const rounds = await alternate(contenders, bench.sizes.rounds, (line) => bench.progress(line));
  const comparison = (kind: string) => {
    const spec = { server: `${kind} large`, against: `${kind} small`, atLeast: LEAST_RATIO };
    return compare(test, { metric: 'rps', ...spec }, rounds);
  };
  return {
    rows: rowsOf(test, contenders, rounds),
    comparisons: [comparison('GET'), comparison('SET')],
  };
}

export const GROWTH: Case = {
  name: 'GROWTH',
  title: 'GET and SET, 50 connections, 10,000 against 10 M keys (quick: 300,000)',
  run,
};
