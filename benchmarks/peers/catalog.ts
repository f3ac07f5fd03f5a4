// The servers to measure, each with the flags that make the comparison fair.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineSpec } from '../engines/spec.js';
import type { Peer } from './peer.js';
import { hasProgram } from './process.js';

function ifInstalled(program: string, debianPackage: string): string | undefined {
  return hasProgram(program) ? undefined : `missing: needs Debian's ${debianPackage}`;
}

function distPath(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

const MEMCACHED_MEMORY_MB = 8192;
const CONNECTIONS_MAX = 15_000;

function memcached(threads: number): Peer {
  return {
    name: `memcached -t ${threads}`,
    protocol: 'memcached',
    missing: () => ifInstalled('memcached', 'memcached'),
    command: (port, _dir, settings) => ({
      command: 'memcached',
      args: [
        ['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-t', `${threads}`],
        ['-m', `${settings.memoryMb ?? MEMCACHED_MEMORY_MB}`, '-c', `${CONNECTIONS_MAX}`],
        ['-I', '8m', ...(process.getuid?.() === 0 ? ['-u', 'root'] : [])],
      ].flat(),
    }),
  };
}

export const MEMCACHED = memcached(1);
export const MEMCACHED_TWO_THREADS = memcached(2);

export const REDIS: Peer = {
  name: 'redis always',
  protocol: 'redis',
  missing: () => ifInstalled('redis-server', 'redis-server'),
  command: (port, dir) => ({
    command: 'redis-server',
    args: [
      ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''],
      ['--appendonly', 'yes', '--appendfsync', 'always', '--maxclients', `${CONNECTIONS_MAX}`],
      // The start loads the log as it was written, not a rewritten one.
      ['--auto-aof-rewrite-percentage', '0'],
    ].flat(),
  }),
};

export const ETCD: Peer = {
  name: 'etcd',
  protocol: 'etcd',
  missing: () => ifInstalled('etcd', 'etcd-server'),
  command: (port, dir) => ({
    command: 'etcd',
    args: [
      ['--data-dir', dir, '--log-level', 'error', '--listen-peer-urls', 'http://127.0.0.1:0'],
      ['--listen-client-urls', `http://127.0.0.1:${port}`],
      ['--advertise-client-urls', `http://127.0.0.1:${port}`],
    ].flat(),
  }),
};

const CAIRN_SERVER = distPath('../../tools/kv-server.js');

/** Returns the Cairn of a build, named by the path of its `kv-server.js`. */
export function cairn(name: string, server: string): Peer {
  return {
    name,
    protocol: 'memcached',
    missing: () => (existsSync(server) ? undefined : `missing: ${server} is not built`),
    command: (port, dir, settings) => ({
      command: process.execPath,
      args: [
        [server, '-p', `${port}`, '-l', '127.0.0.1', '--data', dir],
        ['-c', `${CONNECTIONS_MAX}`],
        settings.memoryMb === undefined ? [] : ['-m', `${settings.memoryMb}`],
        settings.flags ?? [],
      ].flat(),
    }),
  };
}

export const CAIRN = cairn('cairn', CAIRN_SERVER);

/** Returns Cairn before a cluster: `storeUrl` is the value of --store. */
export function cairnOver(name: string, storeUrl: string): Peer {
  return {
    ...CAIRN,
    name,
    command: (port) => ({
      command: process.execPath,
      args: [CAIRN_SERVER, '-p', `${port}`, '-l', '127.0.0.1', '--store', storeUrl],
    }),
  };
}

/** Returns a server before the bare client that parses almost nothing: the hops of Cairn without Cairn. */
export function bareFront(
  name: string,
  client: Pick<EngineSpec, 'client' | 'node' | 'waitsFor'>,
): Peer {
  return {
    name,
    protocol: 'memcached',
    missing: () => undefined,
    command: (port, _dir, settings) => ({
      command: process.execPath,
      args: [
        distPath('../engines/front.js'),
        JSON.stringify(client),
        `${port}`,
        `${settings.valueBytes ?? 100}`,
      ],
    }),
  };
}

/** The name of the other build's peer in the tables. */
export const CAIRN_BEFORE = 'cairn before';

/** The folder into which `npm install --ignore-scripts` puts the npm baselines: see benchmarks/README.md. */
const NPM_PEERS = distPath('../../../benchmarks/npm-peers');

function npmBaseline(name: string): Peer {
  return {
    name: `npm ${name}`,
    protocol: 'memcached',
    missing: () => {
      try {
        createRequire(join(NPM_PEERS, 'package.json')).resolve(name);
        return undefined;
      } catch {
        return 'missing: needs npm install --ignore-scripts in benchmarks/npm-peers';
      }
    },
    command: (port, dir) => ({
      command: process.execPath,
      args: [distPath('npm-baseline.js'), name, `${port}`, dir, NPM_PEERS],
    }),
  };
}

export const CLASSIC_LEVEL = npmBaseline('classic-level');
export const LMDB = npmBaseline('lmdb');

/** Not a store: the most that loopback and Node's sockets allow. */
export const BARE: Peer = {
  name: 'bare server',
  protocol: 'memcached',
  missing: () => undefined,
  command: (port, _dir, settings) => ({
    command: process.execPath,
    args: [distPath('bare-server.js'), `${port}`, `${settings.valueBytes ?? 100}`],
  }),
};

/** Not a store either: the rate of a Node server with a parser, a Map and a durable log. */
function lean(name: string, commit: 'inline' | 'pool', replies: 'stream' | 'descriptor'): Peer {
  return {
    name,
    protocol: 'memcached',
    missing: () => undefined,
    command: (port, dir) => ({
      command: process.execPath,
      args: [distPath('../limits/lean-server.js'), `${port}`, dir, commit, replies],
    }),
  };
}

export const LEAN_INLINE = lean('lean, inline', 'inline', 'stream');
export const LEAN_POOL = lean('lean, pool', 'pool', 'stream');
/** Commits as `lean, inline` does. */
export const LEAN_DESCRIPTOR = lean('lean, descriptor', 'inline', 'descriptor');
