// A kind of server to measure: starts it, durable or not, and checks whether it is installed.

import { join } from 'node:path';
import type { Protocol } from '../load/spec.js';
import { freePort, ServerProcess } from './process.js';

/** Settings of a case beyond the defaults; a peer that has no such setting ignores it. */
export interface PeerSettings {
  /** Memory for values in MB. */
  readonly memoryMb?: number;
  /** Further flags for Cairn. */
  readonly flags?: readonly string[];
  /** Length of the requested values: the bare server answers without a look at them. */
  readonly valueBytes?: number;
}

export interface Peer {
  readonly name: string;
  readonly protocol: Protocol;
  /** Returns the reason why it cannot be measured here, with the package to install; undefined when it can. */
  missing(): string | undefined;
  command(
    port: number,
    dir: string,
    settings: PeerSettings,
  ): { readonly command: string; readonly args: readonly string[] };
}

const PROBES: Record<Protocol, { request: string; reply: string }> = {
  memcached: { request: 'version\r\n', reply: 'VERSION' },
  redis: { request: 'PING\r\n', reply: '+PONG' },
  etcd: { request: 'GET /health HTTP/1.0\r\n\r\n', reply: 'HTTP/1.0 200' },
};

/** Starts a peer on a directory, fresh or left by an earlier start. */
export async function startPeer(
  peer: Peer,
  workDir: string,
  settings: PeerSettings = {},
  readyTimeoutMs = 60_000,
): Promise<ServerProcess> {
  const port = await freePort();
  const dir = join(workDir, 'data');
  const { command, args } = peer.command(port, dir, settings);
  const probe = PROBES[peer.protocol];
  return ServerProcess.start({ command, args, dir, port, probe, readyTimeoutMs });
}
