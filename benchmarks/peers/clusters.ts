// The clusters over which Cairn is measured: those of the tests (test/support/cluster), on the disk under test.

import { startEtcd } from '../../test/support/cluster/etcd-nodes.js';
import type { Cluster } from '../../test/support/cluster/node.js';
import { startRedisCluster } from '../../test/support/cluster/redis-nodes.js';
import { findProgram } from '../../test/support/programs.js';

const PROGRAMS = { etcd: 'etcd', redis: 'redis-server' } as const;

/** Returns the reason why there can be no cluster, with the package to install. */
export function clusterMissing(engine: Cluster['engine']): string | undefined {
  if (findProgram(PROGRAMS[engine]) !== undefined) return undefined;
  return `missing: needs Debian's ${engine}-server`;
}

/** Starts three nodes of etcd, or three masters of Redis with a replica each, in an empty directory. */
export async function startCluster(engine: Cluster['engine'], dir: string): Promise<Cluster> {
  const program = findProgram(PROGRAMS[engine]);
  if (program === undefined) throw new Error(clusterMissing(engine));
  return engine === 'etcd' ? startEtcd({ program, dir }) : startRedisCluster({ program, dir });
}
