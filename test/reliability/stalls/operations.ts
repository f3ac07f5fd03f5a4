// The operations of the stall table (docs/reliability.md): everything that a client or background work can make the loop
// do, in the order in which they run on one store, and the limit for a turn of the loop meanwhile.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

import { statsOf } from '../life.js';
import { bigSet, connections, keyOf, pour, pourFrom, requests, sets } from './traffic.js';

interface Target {
  readonly port: number;
  readonly dir: string;
  /** The number of keys in the store. */
  readonly count: number;
}

export interface Operation {
  readonly name: string;
  /** The limit for a turn; 50 when it is missing. */
  readonly limitMs?: number;
  /** The operation is not repeated: the store is another one afterwards. */
  readonly once?: true;
  run(target: Target): Promise<void>;
}

const MIB = 1024 * 1024;
const STATS_OF_CLASSES = ['items', 'slabs', 'settings', 'sizes']
  .map((what) => `stats ${what}`)
  .join('\r\n');
const KV_COMPACT = join(import.meta.dirname, '../../../tools/kv-compact.js');

/** Returns an operation that sends the same line that many times in one stream. */
const repeated = (name: string, line: string, times: number): Operation => ({
  name,
  run: ({ port }) =>
    pour(
      port,
      requests(times, () => `${line}\r\n`),
    ),
});

/** Returns an operation that sends a request for each of a share of the keys, in one stream. */
const each = (name: string, share: number, requestOf: (key: string) => string): Operation => ({
  name,
  run: ({ port, count }) =>
    pour(
      port,
      requests(Math.ceil(count * share), (n) => requestOf(keyOf(n))),
    ),
});

const keysLine = (count: number): string =>
  Array.from({ length: count }, (_, n) => keyOf(n)).join(' ');

async function compact(target: Target, ...more: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [KV_COMPACT, target.dir, ...more]);
}

/** The first one runs on an empty store: the keydir grows, segments rotate and get hints, the cache turns over. */
export const COMMON: readonly Operation[] = [
  {
    name: 'load of all keys: growth of the keydir, rotation, hints, cache turnover',
    once: true,
    run: ({ port, count }) => pour(port, sets(count, 100)),
  },
  { ...each('pipelined sets, replies wanted', 0.1, (key) => `set ${key} 0 0 1\r\nx\r\n`) },
  each('pipelined gets', 0.2, (key) => `get ${key}\r\n`),
  {
    name: 'one get of 20,000 keys',
    run: ({ port }) => pour(port, [`get ${keysLine(20_000)}\r\n`]),
  },
  {
    name: '20 connections, each a get of 20,000 keys',
    run: ({ port }) => pourFrom(port, 20, () => [`get ${keysLine(20_000)}\r\n`]),
  },
  {
    name: '200 connections, each with 500 pipelined gets',
    run: ({ port }) => pourFrom(port, 200, () => requests(500, (n) => `get ${keyOf(n)}\r\n`)),
  },
  {
    name: '200 connections, each with 200 pipelined sets',
    run: ({ port }) => pourFrom(port, 200, () => requests(200, setOf('same', 100))),
  },
  each('pipelined gat', 0.1, (key) => `gat 0 ${key}\r\n`),
  each('pipelined touch', 0.1, (key) => `touch ${key} 0\r\n`),
  each('pipelined mg with N, R and T', 0.1, (key) => `mg ${key} v t N60 R30 T0\r\n`),
  {
    name: 'incr 100,000 times',
    run: ({ port }) =>
      pour(port, ['set n 0 0 1\r\n0\r\n', ...requests(100_000, () => 'incr n 1\r\n')]),
  },
  {
    name: 'append of 1 KiB to one value, 900 times',
    run: ({ port }) =>
      pour(port, ['delete a\r\nset a 0 0 1\r\nx\r\n', ...requests(900, appendOf('a', 1024))]),
  },
  {
    name: '1 MiB set and read, 50 times pipelined',
    run: ({ port }) =>
      pour(port, [...requests(50, setOf('m', MIB - 1024)), 'get m\r\n'.repeat(50)]),
  },
  {
    name: '64 MiB set, read and deleted',
    run: ({ port }) => pour(port, [...bigSet('big', 64 * MIB), 'get big\r\n', 'delete big\r\n']),
  },
  {
    name: '300 values of 2 MiB, then deleted at once',
    run: async ({ port, count }) => {
      const files = count > 100_000 ? 300 : 40;
      for (let n = 0; n < files; n++) await pour(port, bigSet(`large${n}`, 2 * MIB));
      await pour(port, [...requests(files, (n) => `delete large${n}\r\n`)]);
    },
  },
  repeated('stats, 1,000 times pipelined', 'stats', 1000),
  repeated('stats items, slabs, settings and sizes, 500 times each', STATS_OF_CLASSES, 500),
  repeated('stats reset, 1,000 times', 'stats reset', 1000),
  repeated('stats conns, 100 times', 'stats conns', 100),
  repeated('stats cachedump 1 0', 'stats cachedump 1 0', 1),
  {
    name: 'stats detail of 10,000 prefixes, dumped 10 times',
    run: ({ port }) =>
      pour(port, [
        'stats detail on\r\n',
        ...requests(10_000, (n) => `get p${n}:x\r\n`),
        'stats detail dump\r\n'.repeat(10),
        'stats detail off\r\nstats reset\r\n',
      ]),
  },
  repeated('lru_crawler metadump all', 'lru_crawler metadump all', 1),
  repeated('lru_crawler mgdump all', 'lru_crawler mgdump all', 1),
  repeated('keys with a prefix that no key has', 'keys nothing-begins-so', 1),
  repeated('verbosity, 10,000 times', 'verbosity 1', 10_000),
  {
    name: 'cache_memlimit from 64 MB to 8 MB and back',
    run: ({ port }) => pour(port, ['cache_memlimit 8\r\n', 'cache_memlimit 64\r\n']),
  },
  { name: '20 watchers of everything, 20,000 sets and gets', run: watched },
  repeated('unknown commands, 100,000 times', 'no such request', 100_000),
  { name: '5,000 connections come, and are reset at once', run: comeAndGo },
  { name: '5,000 connections ask at once, and close at once', run: askTogether },
  {
    name: 'half of all items overwritten: compaction by itself',
    run: ({ port, count }) => pour(port, sets(Math.floor(count / 2), 120)),
  },
  { name: 'kv-compact of everything', run: (target) => compact(target) },
  {
    name: 'snapshot of everything, under writes',
    run: async (target) => {
      await Promise.all([
        compact(target, '--snapshot', join(target.dir, '..', 'snapshot.json')),
        pour(target.port, sets(Math.floor(target.count / 10), 100)),
      ]);
    },
  },
];

/** Operations that empty the store and therefore come last. */
export const FLUSHING: readonly Operation[] = [
  {
    name: 'delete_prefix, 300 times, and gets',
    limitMs: 10,
    run: ({ port, count }) =>
      pour(port, [...requests(300, (n) => `delete_prefix p${n}\r\n`), ...gets(count)]),
  },
  {
    name: 'flush_all, 300 times, and gets of flushed items',
    limitMs: 10,
    once: true,
    run: ({ port, count }) => pour(port, ['flush_all\r\n'.repeat(300), ...gets(count)]),
  },
  { name: 'removal of flushed items', once: true, run: ({ port }) => emptied(port) },
];

/** Operations at --max-bytes, which the store has reached. */
export const EVICTING: readonly Operation[] = [
  {
    name: 'eviction for a set of 5 % of the store (8 MB of a million keys)',
    limitMs: 10,
    run: async ({ port }) => pour(port, bigSet('e1', await shareOf(port, 0.05))),
  },
  {
    name: 'eviction for a set of a third of the store (50 MB)',
    limitMs: 10,
    run: async ({ port }) => pour(port, bigSet('e2', await shareOf(port, 0.33))),
  },
  {
    name: 'eviction for sets of 20 KB, 50 connections',
    limitMs: 10,
    run: ({ port, count }) =>
      pourFrom(port, 50, (connection) =>
        requests(Math.min(60, count / 1000), setOf(`e${connection}-`, 20_000, true)),
      ),
  },
  {
    name: 'eviction for small sets, 50 connections',
    limitMs: 10,
    run: ({ port, count }) =>
      pourFrom(port, 50, (connection) =>
        requests(count / 500, setOf(`s${connection}-`, 100, true)),
      ),
  },
];

/** Runs after a start with --max-keys of half. The first turns after a start run code that is not compiled yet. */
export const TRIMMING: Operation = {
  name: 'start with half of --max-keys: sets, until the bound holds',
  limitMs: 20,
  once: true,
  run: async ({ port, count }) => {
    await pour(port, requests(1000, setOf('new', 100, true)));
    await untilItems(port, (items) => items <= count / 2);
  },
};

export const IDLING: Operation = {
  name: 'all items idle for --max-idle at once',
  once: true,
  run: ({ port }) => emptied(port),
};

export const EXPIRING: readonly Operation[] = [
  {
    name: 'all items get the same expiry, and gets of items that have just expired',
    once: true,
    run: async ({ port, count }) => {
      const atSeconds = Math.ceil(Date.now() / 1000 + 2 + count / 20_000);
      await pour(
        port,
        requests(count, (n) => `touch ${keyOf(n)} ${atSeconds} noreply\r\n`),
      );
      await setTimeout(Math.max(0, (atSeconds + 1) * 1000 - Date.now()));
      await pour(
        port,
        requests(count / 20, (n) => `get ${keyOf(n)}\r\n`),
      );
    },
  },
  { name: 'removal of expired items', once: true, run: ({ port }) => emptied(port) },
];

/** Waits until at most 10 items are left; some keys of other operations may stay. */
async function emptied(port: number): Promise<void> {
  await untilItems(port, (items) => items <= 10);
}

async function untilItems(port: number, enough: (items: number) => boolean): Promise<void> {
  while (!enough((await statsOf(port)).get('curr_items') ?? 0)) await setTimeout(100);
}

async function shareOf(port: number, share: number): Promise<number> {
  return Math.floor(((await statsOf(port)).get('bytes') ?? 0) * share);
}

function gets(count: number): Generator<string> {
  return requests(Math.min(count, 20_000), (n) => `get ${keyOf(n)}\r\n`);
}

function setOf(key: string, bytes: number, isMany = false): (n: number) => string {
  const value = 'v'.repeat(bytes);
  return (n) => `set ${key}${isMany ? n : ''} 0 0 ${bytes} noreply\r\n${value}\r\n`;
}

function appendOf(key: string, bytes: number): (n: number) => string {
  return () => `append ${key} 0 0 ${bytes} noreply\r\n${'v'.repeat(bytes)}\r\n`;
}

async function watched({ port }: Target): Promise<void> {
  const watchers = await connections(port, 20);
  for (const watcher of watchers) {
    watcher.resume().write('watch fetchers mutations evictions deletions\r\n');
  }
  await pour(
    port,
    requests(20_000, (n) => `set ${keyOf(n)} 0 0 1\r\nx\r\nget ${keyOf(n)}\r\n`),
  );
  for (const watcher of watchers) watcher.destroy();
}

const crowdOf = (count: number): number => (count > 100_000 ? 5000 : 1000);

async function askTogether({ port, count }: Target): Promise<void> {
  const sockets = await connections(port, crowdOf(count));
  for (const socket of sockets) socket.write('mn\r\n');
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  for (const socket of sockets) socket.end();
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
}

async function comeAndGo({ port, count }: Target): Promise<void> {
  const sockets = await connections(port, crowdOf(count));
  const gone = sockets.map((socket) => once(socket, 'close'));
  for (const socket of sockets) socket.resetAndDestroy();
  await Promise.all(gone);
  // The server has to notice the end of the connections, too.
  while (((await statsOf(port)).get('curr_connections') ?? 0) > 10) await setTimeout(20);
}
