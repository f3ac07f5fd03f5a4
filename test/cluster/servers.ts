// Cairn's servers of a drill, over a cluster. Each listens on a socket in the file system, which any network namespace can
// reach and which stays the same when the server is started again.

import { join } from 'node:path';

import { ClusterNode, LOOPBACK, type Place } from '../support/cluster/node.js';

const KV_SERVER = join(import.meta.dirname, '../../tools/kv-server.js');

export interface DrillServer {
  readonly node: ClusterNode;
  readonly socket: string;
}

/** Returns a server that is not started yet. `flags` say where the items are: `--store …` or `--data …`. */
export function drillServer(
  dir: string,
  name: string,
  flags: readonly string[],
  place: Place = LOOPBACK,
): DrillServer {
  const socket = join(dir, `${name}.sock`);
  const node = new ClusterNode({
    name,
    place,
    port: 0,
    program: process.execPath,
    args: [KV_SERVER, '-s', socket, '-a', '777', ...flags],
    ready: ', ready in',
    logFile: join(dir, `${name}.log`),
  });
  return { node, socket };
}
