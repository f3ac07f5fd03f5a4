// A dead shard beside the others: the latency of requests for a live shard while other requests go to a shard whose
// master and replica are dead. It stands beside the latency of the same requests before (benchmarks/README.md, "Over
// a cluster").

import type { Bench, Case, CaseResult, Running } from '../bench.js';
import type { LoadSpec } from '../load/spec.js';
import { cairnOver } from '../peers/catalog.js';
import { clusterMissing } from '../peers/clusters.js';
import { compare, rowsOf, sampleOf, type Contender, type Sample } from '../rounds.js';

/** Tags of the hash slots 3300 and 7365, of the first and the second shard. */
const DYING = '{b}:';
const LIVING = '{c}:';
/** The pace is even: otherwise a shard that refuses at once would get more requests than one that answers. */
const LOAD: Partial<LoadSpec> = { mode: 'open', readRatio: 0, keyCount: 2000, connections: 25 };
const LIVING_PER_SECOND = 1000;
const DYING_PER_SECOND = 200;
/** Until no request waits for the dead shard any more, and the live shards have reported it. */
const DEATH_MS = 5000;

async function measure(bench: Bench, running: Running, seed: number): Promise<Sample> {
  const [living] = await Promise.all([
    bench.load(running, { ...LOAD, keyPrefix: LIVING, ratePerSecond: LIVING_PER_SECOND, seed }),
    bench.load(running, { ...LOAD, keyPrefix: DYING, ratePerSecond: DYING_PER_SECOND, seed }),
  ]);
  return sampleOf(living);
}

async function roundsOf(bench: Bench, running: Running, what: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < bench.sizes.rounds; round += 1) {
    bench.progress(`round ${round + 1}/${bench.sizes.rounds}: ${what}`);
    samples.push(await measure(bench, running, round + 1));
  }
  return samples;
}

async function run(bench: Bench): Promise<CaseResult> {
  const test = DEAD_SHARD.name;
  const note = clusterMissing('redis');
  if (note !== undefined) {
    return { rows: [{ test, server: 'redis', sample: {}, note }], comparisons: [] };
  }
  const { nodes, storeUrl } = await bench.startCluster('redis');
  const running = await bench.start(cairnOver('cairn over redis', storeUrl));
  // Warms up the server, its scripts and the connections of both shards.
  await measure(bench, running, 0);
  const before = await roundsOf(bench, running, 'all shards live');
  const dying = nodes.filter(({ name }) => /^redis-1(-|$)/.test(name));
  await Promise.all(dying.map((node) => node.kill()));
  await bench.load(running, { ...LOAD, keyPrefix: DYING, ratePerSecond: 50, durationMs: DEATH_MS });
  const during = await roundsOf(bench, running, 'one shard is dead');
  const rounds = new Map([
    ['cairn, all shards live', before],
    ['cairn, one shard dead', during],
  ]);
  const servers: Contender[] = [...rounds].map(([server]) => ({
    server,
    measure: () => Promise.resolve({}),
  }));
  const [live = '', dead = ''] = rounds.keys();
  return {
    rows: rowsOf(test, servers, rounds),
    comparisons: (['p50Ms', 'p99Ms'] as const).map((metric) =>
      compare(test, { metric, server: dead, against: live }, rounds),
    ),
  };
}

export const DEAD_SHARD: Case = {
  name: 'CLUSTER redis DEAD',
  title: 'SET of a shard over redis while another one is dead, 1,000 per second',
  run,
};
