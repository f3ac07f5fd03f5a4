// The process of a bare client: takes an EngineSpec as JSON in its first argument, prints a LoadResult as JSON.

import { Callers } from './callers.js';
import { etcdBatches, etcdSingles } from './etcd-client.js';
import { redisPipelines } from './redis-client.js';
import type { EngineClient, EngineSpec } from './spec.js';

/** A failing engine makes its figures worthless. */
function fail(error: unknown): never {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}

async function clientOf({ client, node, waitsFor }: EngineSpec): Promise<EngineClient> {
  if (client === 'etcd batches') return etcdBatches(node, fail);
  if (client === 'etcd singles') return etcdSingles(node, fail);
  return redisPipelines(node, waitsFor, fail);
}

const spec = JSON.parse(process.argv[2] ?? '{}') as EngineSpec;
try {
  const result = await new Callers(spec, await clientOf(spec)).run();
  process.stdout.write(`${JSON.stringify(result)}\n`);
  // Its connections would keep it.
  process.exit(0);
} catch (error) {
  fail(error);
}
