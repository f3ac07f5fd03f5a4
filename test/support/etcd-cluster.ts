// An etcd cluster for tests of the store: one node or three, in a fresh directory that is removed with them.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startEtcd as startNodes } from './cluster/etcd-nodes.js';
import { LOOPBACK, type ClusterNode } from './cluster/node.js';
import { removeFolder } from './remove-folder.js';

export interface EtcdCluster {
  readonly nodes: readonly ClusterNode[];
  /** The address of each node, as 127.0.0.1:port. */
  readonly hosts: readonly string[];
  /** Kills every node and removes the directories. */
  stop(): Promise<void>;
}

/**
 * Starts one node or three. `program` is from requireProgram(context, 'etcd', 'etcd-server'). `args` are flags for each
 * node, for example `--quota-backend-bytes=…`. Resolves when all nodes serve clients.
 */
export async function startEtcd(
  program: string,
  count: 1 | 3,
  args: readonly string[] = [],
): Promise<EtcdCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-etcd-'));
  const remove = (): void => removeFolder(dir);
  const places = Array.from({ length: count }, () => LOOPBACK);
  try {
    const cluster = await startNodes({ program, dir, places, args });
    const stop = (): Promise<void> => cluster.end().then(remove);
    const { nodes } = cluster;
    return { nodes, hosts: nodes.map(({ address }) => address), stop };
  } catch (error) {
    remove();
    throw error;
  }
}
