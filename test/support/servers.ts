// The servers that the same test bodies run over: Cairn, and Debian's memcached, which shows that a test
// is right. `describeServers` makes one suite of each, with a fresh server that the suite's tests share.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, skip } from './programs.js';
import { cairnLaunch, ServerProcess, type Launch } from '../../tools/torture/server-process.js';

type ServerKind = 'cairn' | 'memcached';

/** The servers that speak the binary protocol. */
export const BINARY_SPEAKERS: readonly ServerKind[] = ['memcached', 'cairn'];

export { cairnLaunch };

/** Debian's memcached likewise; it needs a user name when root starts it. */
export function memcachedLaunch(program: string, args: readonly string[] = []): Launch {
  const user = process.getuid?.() === 0 ? ['-u', userInfo().username] : [];
  // Without its LRU thread: what cachedump lists does not depend on when that ran.
  const still = ['-o', 'no_lru_maintainer'];
  return {
    command: program,
    args: ['-l', '127.0.0.1', '-p', '-1', '-U', '0', '-t', '1', ...still, ...user, ...args],
  };
}

/** A data directory of its own below the system's temporary folder. */
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
  describe(`${title} over ${kind}`, function () {
    let server: ServerProcess | undefined;
    let dir: string | undefined;

    before(async function () {
      if (kind === 'cairn') {
        dir = temporaryFolder();
        server = await ServerProcess.start(cairnLaunch(dir, args));
      } else {
        const program = findProgram('memcached') ?? skip(this, 'memcached');
        server = await ServerProcess.start(memcachedLaunch(program, args));
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

    // After the body's own: clients leave before their server does, and need not wonder where it is.
    after(async () => {
      await server?.kill();
      if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
    });
  });
}

/** One suite for each server. `kinds` names those that must have what the suite needs. */
export function describeServers(
  title: string,
  body: (server: SuiteServer) => void,
  options: { readonly kinds?: readonly ServerKind[]; readonly args?: readonly string[] } = {},
): void {
  for (const kind of options.kinds ?? ['memcached', 'cairn']) {
    describeServer(title, kind, options.args ?? [], body);
  }
}
