// Durable writes: every reply comes after its sync. memcached is not here, because it keeps nothing.

import type { Case } from '../bench.js';
import { syncWriteLimit, SYNC_WRITE } from '../limits/sync-write.js';
import { distanceTo, loadCase, type Entrant } from '../load-case.js';
import { DEFAULT_LOAD } from '../load/spec.js';
import * as peers from '../peers/catalog.js';

const SERVERS: readonly Entrant[] = [
  { peer: peers.CAIRN },
  { peer: peers.REDIS },
  { peer: peers.BARE },
  { peer: peers.LEAN_INLINE },
  { peer: peers.LEAN_POOL },
  { peer: peers.LEAN_DESCRIPTOR },
];
const DISTANCES = [peers.LEAN_INLINE, peers.LEAN_POOL, peers.LEAN_DESCRIPTOR].flatMap(({ name }) =>
  distanceTo(name),
);

export const SET_ONE = loadCase({
  name: 'SET 1',
  title: 'durable SET, 1 connection',
  entrants: SERVERS,
  load: { readRatio: 0, connections: 1 },
  limits: (bench) => [syncWriteLimit(bench, DEFAULT_LOAD.valueBytes)],
  comparisons: [
    { metric: 'rps', server: 'cairn', against: 'redis always', atLeast: 1.2 },
    { metric: 'p50Ms', server: 'cairn', against: [SYNC_WRITE, 'bare server'], atMost: 1.15 },
    ...DISTANCES,
  ],
});

function manyConnections(connections: number, baselines: readonly Entrant[] = []): Case {
  return loadCase({
    name: `SET ${connections}`,
    title: `durable SET, ${connections} connections`,
    entrants: [...SERVERS, ...baselines],
    load: { readRatio: 0, connections },
    comparisons: [
      { metric: 'rps', server: 'cairn', against: 'redis always', atLeast: 1.2 },
      { metric: 'cpuUs', server: 'cairn', against: 'redis always' },
      { metric: 'rps', server: 'cairn', against: 'bare server' },
      ...DISTANCES,
    ],
  });
}

export const SET = manyConnections(50, [{ peer: peers.CLASSIC_LEVEL }, { peer: peers.LMDB }]);
export const SET_MANY = manyConnections(200);

export const SET_PIPELINED = loadCase({
  name: 'SET 50x16',
  title: 'durable SET, 50 connections, 16 pipelined',
  entrants: SERVERS,
  load: { readRatio: 0, pipeline: 16 },
  comparisons: [
    { metric: 'rps', server: 'cairn', against: 'redis always', atLeast: 1.5 },
    { metric: 'rps', server: 'cairn', against: 'bare server' },
    ...DISTANCES,
  ],
});

export const MIX = loadCase({
  name: 'MIX 1:10',
  title: '1 durable SET to 10 GET, 50 connections',
  entrants: SERVERS,
  load: { readRatio: 10 / 11 },
  comparisons: [
    { metric: 'rps', server: 'cairn', against: 'redis always', atLeast: 1.2 },
    { metric: 'cpuUs', server: 'cairn', against: 'redis always' },
    ...DISTANCES,
  ],
});

export const SET_ETCD = loadCase({
  name: 'SET 50 etcd',
  title: 'durable SET beside etcd (its JSON gateway), 50 connections',
  entrants: [{ peer: peers.CAIRN }, { peer: peers.ETCD }],
  load: { readRatio: 0 },
  comparisons: [{ metric: 'rps', server: 'cairn', against: 'etcd', atLeast: 10 }],
});
