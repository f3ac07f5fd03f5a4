// Reads of values in memory: 50 connections, with one request at a time and with 16 pipelined.

import { distanceTo, loadCase, type Entrant } from '../load-case.js';
import * as peers from '../peers/catalog.js';

/** The name of the lean server without its way of committing, because a GET commits nothing. */
const LEAN = 'lean';

const SERVERS: readonly Entrant[] = [
  { peer: peers.CAIRN },
  { peer: peers.MEMCACHED },
  { peer: peers.MEMCACHED_TWO_THREADS },
  { peer: peers.REDIS },
  { peer: peers.BARE },
  { peer: peers.LEAN_INLINE, server: LEAN },
  { peer: peers.LEAN_DESCRIPTOR },
];

export const GET = loadCase({
  name: 'GET 50',
  title: 'GET, 50 connections',
  entrants: [...SERVERS, { peer: peers.CLASSIC_LEVEL }, { peer: peers.LMDB }],
  load: { readRatio: 1 },
  comparisons: [
    { metric: 'rps', server: 'cairn', against: 'memcached -t 1', atLeast: 1.1 },
    { metric: 'rps', server: 'cairn', against: 'redis always', atLeast: 1 },
    { metric: 'cpuUs', server: 'cairn', against: 'memcached -t 1' },
    { metric: 'rps', server: 'cairn', against: 'bare server' },
    ...distanceTo(LEAN),
    ...distanceTo(peers.LEAN_DESCRIPTOR.name),
  ],
});

export const GET_PIPELINED = loadCase({
  name: 'GET 50x16',
  title: 'GET, 50 connections, 16 pipelined',
  entrants: SERVERS,
  load: { readRatio: 1, pipeline: 16 },
  comparisons: [
    { metric: 'rps', server: 'cairn', against: 'memcached -t 1', atLeast: 3 },
    { metric: 'rps', server: 'cairn', against: 'redis always', atLeast: 0.8 },
    { metric: 'cpuUs', server: 'cairn', against: 'redis always' },
    { metric: 'rps', server: 'cairn', against: 'bare server' },
    ...distanceTo(LEAN),
    ...distanceTo(peers.LEAN_DESCRIPTOR.name),
  ],
});

export const GET_ZIPFIAN = loadCase({
  name: 'GET 50 zipfian',
  title: 'GET, 50 connections, hot keys asked more often',
  entrants: [{ peer: peers.CAIRN }, { peer: peers.MEMCACHED }, { peer: peers.REDIS }],
  load: { readRatio: 1, distribution: 'zipfian' },
  comparisons: [{ metric: 'rps', server: 'cairn', against: 'memcached -t 1' }],
});
