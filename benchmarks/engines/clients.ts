// The bare clients by their names.

import { etcdBatches, etcdSingles } from './etcd-client.js';
import { redisPipelines } from './redis-client.js';
import type { EngineClient, EngineSpec } from './spec.js';

/** Ends the process: the figures of a failing engine are worthless. */
export function fail(error: unknown): never {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}

export async function clientOf({
  client,
  node,
  waitsFor,
}: Pick<EngineSpec, 'client' | 'node' | 'waitsFor'>): Promise<EngineClient> {
  if (client === 'etcd batches') return etcdBatches(node, fail);
  if (client === 'etcd singles') return etcdSingles(node, fail);
  return redisPipelines(node, waitsFor, fail);
}
