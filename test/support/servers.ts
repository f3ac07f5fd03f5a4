// The servers that the same test bodies run over: Cairn with its own log, over etcd and over Redis, and Debian's memcached,
// which shows that a test is right. `describeServers` makes one suite per server; the suite's tests share a fresh server.

import { mkdtempSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';

import { exchange } from '../differential/exchange.js';
import { findProgram, skip } from './programs.js';
import { sharedStoreUrl, type Engine } from './shared-cluster.js';
import { LONG } from './tier.js';
import { cairnLaunch, ServerProcess, type Launch } from '../../tools/torture/server-process.js';
import { removeFolder } from './remove-folder.js';

type ServerKind = 'cairn' | 'memcached' | Engine;

/** Cairn over each of its engines. */
export const CAIRNS: readonly ServerKind[] = ['cairn', 'etcd', 'redis'];

/** Every server: memcached, and Cairn over each of its engines. */
export const EVERYWHERE: readonly ServerKind[] = ['memcached', ...CAIRNS];

const NAMES: Readonly<Record<ServerKind, string>> = {
  cairn: 'cairn',
  memcached: 'memcached',
  etcd: `cairn over etcd ${LONG}`,
  redis: `cairn over Redis ${LONG}`,
};

export { cairnLaunch };

/** Returns how to start Debian's memcached, which needs a user name when root starts it. */
export function memcachedLaunch(program: string, args: readonly string[] = []): Launch {
  const user = process.getuid?.() === 0 ? ['-u', userInfo().username] : [];
  // It runs without its LRU thread: otherwise the listing of cachedump would depend on when that thread ran.
  const still = ['-o', 'no_lru_maintainer'];
  return {
    command: program,
    args: ['-l', '127.0.0.1', '-p', '-1', '-U', '0', '-t', '1', ...still, ...user, ...args],
  };
}

/** Returns how to start Cairn over the cluster that `--store` names, on an ephemeral port of the loopback. */
export function clusterLaunch(storeUrl: string, args: readonly string[] = []): Launch {
  const kvServer = join(import.meta.dirname, '../../tools/kv-server.js');
  return {
    command: process.execPath,
    args: [kvServer, '-l', '127.0.0.1', '-p', '-1', '--store', storeUrl, ...args],
  };
}

/** Makes a data directory below the system's temporary folder. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'cairn-test-'));
}

interface SuiteServer {
  readonly kind: ServerKind;
  /** The running server; valid inside tests and hooks. */
  process(): ServerProcess;
  port(): number;
  address(): string;
}

function describeServer(
  title: string,
  kind: ServerKind,
  args: readonly string[],
  body: (server: SuiteServer) => void,
): void {
  describe(`${title} over ${NAMES[kind]}`, function () {
    let server: ServerProcess | undefined;
    let dir: string | undefined;

    before(async function () {
      if (kind === 'memcached') {
        const program = findProgram('memcached') ?? skip(this, 'memcached');
        server = await ServerProcess.start(memcachedLaunch(program, args));
      } else if (kind === 'cairn') {
        dir = temporaryFolder();
        server = await ServerProcess.start(cairnLaunch(dir, args));
      } else {
        server = await startOver(this, kind, args);
      }
    });

    const process = (): ServerProcess => {
      if (server === undefined) throw new Error(`${kind} is not running`);
      return server;
    };
    body({
      kind,
      process,
      port: () => process().port,
      address: () => process().address,
    });

    // This hook runs after the body's own hooks: clients close before their server stops.
    after(async () => {
      await server?.kill();
      if (dir !== undefined) removeFolder(dir);
    });
  });
}

async function startOver(
  context: Context,
  engine: Engine,
  args: readonly string[],
): Promise<ServerProcess> {
  const server = await ServerProcess.start(
    clusterLaunch(await sharedStoreUrl(context, engine), args),
  );
  await exchange(server.port, Buffer.from('flush_all\r\n'));
  return server;
}

/** Makes one suite per server. `kinds` names the servers that must have what the suite needs. */
export function describeServers(
  title: string,
  body: (server: SuiteServer) => void,
  options: { readonly kinds?: readonly ServerKind[]; readonly args?: readonly string[] } = {},
): void {
  for (const kind of options.kinds ?? ['memcached', 'cairn']) {
    describeServer(title, kind, options.args ?? [], body);
  }
}
