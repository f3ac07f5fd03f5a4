// Cairn over a cluster, beside a bare client of the engine in the same rounds on the same nodes. Also the CPU time of
// Cairn's own process per request, beside the local store (benchmarks/README.md, "Over a cluster").

import type { Bench, Case, CaseResult, Running } from '../bench.js';
import type { EngineSpec } from '../engines/spec.js';
import type { LoadSpec } from '../load/spec.js';
import { bareFront, CAIRN, cairnOver } from '../peers/catalog.js';
import { clusterMissing } from '../peers/clusters.js';
import {
  alternate,
  compare,
  rowsOf,
  sampleOf,
  type ComparisonSpec,
  type Contender,
} from '../rounds.js';
import type { Cluster } from '../../test/support/cluster/node.js';

const KEYS = 20_000;
const KEYS_QUICK = 2000;
const VALUE_BYTES = 100;
/** The heat-up of a server ends after this many requests, or this time. */
const HEAT_REQUESTS = 150_000;
const HEAT_MS_MAX = 20_000;

interface BareClient extends Pick<EngineSpec, 'client' | 'waitsFor'> {
  readonly name: string;
  /** The share of its rate that Cairn should reach. */
  readonly atLeast: number | undefined;
}

interface ClusterCase {
  readonly engine: Cluster['engine'];
  readonly isRead: boolean;
  readonly connections: number;
  /** Requests under way on each connection. */
  readonly pipeline: number;
  readonly clients: readonly BareClient[];
}

interface Measured {
  readonly bench: Bench;
  readonly spec: ClusterCase;
  readonly keyCount: number;
}

/** Returns Cairn, over the cluster or not, filled and warm. */
async function contenderOf({ bench, spec, keyCount }: Measured, running: Running) {
  const { connections, pipeline, isRead } = spec;
  const readRatio = isRead ? 1 : 0;
  const load = { connections, pipeline, readRatio, keyCount, valueBytes: VALUE_BYTES };
  const warmupMs = warmupMsOf(bench);
  await bench.fill(running, keyCount, VALUE_BYTES);
  await heatUp(bench, running, load);
  return {
    server: running.peer.name,
    measure: async (round) =>
      sampleOf(await bench.load(running, { ...load, warmupMs, seed: round + 1 })),
  } satisfies Contender;
}

/**
 * Loads the server until V8 has compiled what its requests need. Over a network there are few requests per second: after
 * the usual heat-up one request of Cairn's costs twice the CPU time that it costs half a minute later.
 */
async function heatUp(bench: Bench, running: Running, load: Partial<LoadSpec>): Promise<void> {
  const { heatUpMs: durationMs, isQuick } = bench.sizes;
  let requests = 0;
  for (let spentMs = 0; spentMs < HEAT_MS_MAX && requests < HEAT_REQUESTS; spentMs += durationMs) {
    bench.progress(`heating ${running.peer.name}: ${requests} requests`);
    const result = await bench.load(running, { ...load, warmupMs: 0, durationMs });
    requests += result.requests;
    if (isQuick) return;
  }
}

/**
 * The warm-up of each round. A bare client is a new process each time, and a server that was idle while the others were
 * measured has shrunk its heap.
 */
function warmupMsOf({ sizes }: Bench): number {
  return sizes.warmupMs + 2 * sizes.heatUpMs;
}

async function bareContender(
  { bench, spec, keyCount }: Measured,
  { name, client, waitsFor }: BareClient,
  { nodes }: Cluster,
): Promise<Contender> {
  const load = {
    client,
    node: nodes[0]!.address,
    ...(waitsFor === undefined ? {} : { waitsFor }),
    callers: spec.connections * spec.pipeline,
    keyCount,
    valueBytes: VALUE_BYTES,
    isRead: spec.isRead,
  };
  if (spec.isRead) await bench.loadEngine({ ...load, isRead: false, fills: true });
  const warmupMs = warmupMsOf(bench);
  return {
    server: name,
    measure: async (round) =>
      sampleOf(await bench.loadEngine({ ...load, warmupMs, seed: round + 1 })),
  };
}

async function runCase(test: string, bench: Bench, spec: ClusterCase): Promise<CaseResult> {
  const { engine, clients, connections, pipeline } = spec;
  const note = clusterMissing(engine);
  if (note !== undefined) {
    return { rows: [{ test, server: engine, sample: {}, note }], comparisons: [] };
  }
  const measured = { bench, spec, keyCount: bench.sizes.isQuick ? KEYS_QUICK : KEYS };
  const cluster = await bench.startCluster(engine);
  const name = `cairn over ${engine}`;
  const contenders: Contender[] = [
    await contenderOf(measured, await bench.start(cairnOver(name, cluster.storeUrl))),
  ];
  for (const client of clients) contenders.push(await bareContender(measured, client, cluster));
  // These servers have the same sockets, processes and turns of the loop as Cairn, whatever the machine. They take one
  // request at a time from each connection.
  const fronts =
    pipeline > 1 ? [] : clients.map((client) => ({ client, name: `server of ${client.name}` }));
  for (const { client, name: front } of fronts) {
    const behind = { ...client, node: cluster.nodes[0]!.address };
    contenders.push(await contenderOf(measured, await bench.start(bareFront(front, behind))));
  }
  const comparisons: ComparisonSpec[] = clients.map((client) => ({
    metric: 'rps',
    server: name,
    against: client.name,
    ...(client.atLeast === undefined ? {} : { atLeast: client.atLeast }),
  }));
  for (const { name: front } of fronts) {
    comparisons.push({ metric: 'rps', server: name, against: front });
    comparisons.push({ metric: 'cpuUs', server: name, against: front });
  }
  if (connections === 50 && pipeline === 1) {
    contenders.push(await contenderOf(measured, await bench.start(CAIRN)));
    comparisons.push({ metric: 'cpuUs', server: name, against: CAIRN.name, atMost: 2.5 });
  }
  const rounds = await alternate(contenders, bench.sizes.rounds, (line) => bench.progress(line));
  return {
    rows: rowsOf(test, contenders, rounds),
    comparisons: comparisons.map((comparison) => compare(test, comparison, rounds)),
  };
}

function clusterCase(spec: ClusterCase): Case {
  const { engine, isRead, connections, pipeline } = spec;
  const verb = isRead ? 'GET' : 'SET';
  const name = `CLUSTER ${engine} ${verb} ${connections}${pipeline > 1 ? `x${pipeline}` : ''}`;
  const many = pipeline > 1 ? `, ${pipeline} requests at a time on each` : '';
  const title = `${verb} over ${engine}, ${connections} connections${many}`;
  return { name, title, run: (bench) => runCase(name, bench, spec) };
}

const ETCD_BATCHES = { name: 'bare batches', client: 'etcd batches' } as const;
const ETCD_SINGLES = { name: 'bare single calls', client: 'etcd singles' } as const;
const REDIS_PIPELINES = { name: 'bare pipelines', client: 'redis pipelines' } as const;
const REDIS_WAIT = { ...REDIS_PIPELINES, name: 'bare pipelines, WAIT 1', waitsFor: 1 } as const;

const SHAPES = [
  { connections: 50, pipeline: 1 },
  { connections: 200, pipeline: 1 },
  { connections: 50, pipeline: 16 },
] as const;
/** Reads with one request per connection are measured with 50 connections alone. */
const READ_SHAPES = SHAPES.filter(({ connections }) => connections === 50);

export const CLUSTERS: readonly Case[] = [
  ...SHAPES.map((shape) =>
    clusterCase({
      ...shape,
      engine: 'etcd',
      isRead: false,
      clients: [
        { ...ETCD_BATCHES, atLeast: 0.8 },
        { ...ETCD_SINGLES, atLeast: 3 },
      ],
    }),
  ),
  ...READ_SHAPES.map((shape) =>
    clusterCase({
      ...shape,
      engine: 'etcd',
      isRead: true,
      clients: [
        { ...ETCD_BATCHES, atLeast: undefined },
        { ...ETCD_SINGLES, atLeast: 5 },
      ],
    }),
  ),
  ...SHAPES.map((shape) =>
    clusterCase({
      ...shape,
      engine: 'redis',
      isRead: false,
      clients: [{ ...REDIS_WAIT, atLeast: 0.8 }],
    }),
  ),
  ...READ_SHAPES.map((shape) =>
    clusterCase({
      ...shape,
      engine: 'redis',
      isRead: true,
      clients: [{ ...REDIS_PIPELINES, atLeast: 0.7 }],
    }),
  ),
];
