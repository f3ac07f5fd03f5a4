// Values of 1 MiB: not the requests but the bandwidth of disk and loopback is the limit.

import { loadCase } from '../load-case.js';
import { syncWriteLimit, SYNC_WRITE } from '../limits/sync-write.js';
import type { LoadSpec } from '../load/spec.js';
import { BARE, CAIRN, MEMCACHED, REDIS } from '../peers/catalog.js';

const MIB = 1024 * 1024;
/** There are few keys, so that their values fit in Cairn's memory. */
const LOAD: Partial<LoadSpec> = { valueBytes: MIB, keyCount: 32, connections: 4 };

export const SET_LARGE = loadCase({
  name: 'SET 1 MiB',
  title: 'durable SET of 1 MiB values, 4 connections',
  entrants: [{ peer: CAIRN, settings: { flags: ['-I', '8m'] } }, { peer: REDIS }, { peer: BARE }],
  load: { ...LOAD, readRatio: 0 },
  limits: (bench) => [syncWriteLimit(bench, MIB)],
  comparisons: [
    { metric: 'rps', server: 'cairn', against: SYNC_WRITE, atLeast: 0.8 },
    { metric: 'rps', server: 'cairn', against: 'bare server', atLeast: 0.8 },
    { metric: 'rps', server: 'cairn', against: 'redis always' },
  ],
});

export const GET_LARGE = loadCase({
  name: 'GET 1 MiB',
  title: 'GET of 1 MiB values, 4 connections',
  entrants: [
    { peer: CAIRN, settings: { flags: ['-I', '8m'] } },
    { peer: MEMCACHED },
    { peer: REDIS },
    { peer: BARE },
  ],
  load: { ...LOAD, readRatio: 1 },
  comparisons: [
    { metric: 'rps', server: 'cairn', against: 'bare server', atLeast: 0.8 },
    { metric: 'rps', server: 'cairn', against: 'memcached -t 1' },
  ],
});
