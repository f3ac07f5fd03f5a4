// The process of a bare client: takes an EngineSpec as JSON in its first argument, prints a LoadResult as JSON.

import { Callers } from './callers.js';
import { clientOf, fail } from './clients.js';
import type { EngineSpec } from './spec.js';

const spec = JSON.parse(process.argv[2] ?? '{}') as EngineSpec;
try {
  const result = await new Callers(spec, await clientOf(spec)).run();
  process.stdout.write(`${JSON.stringify(result)}\n`);
  // The open connections would keep the process alive.
  process.exit(0);
} catch (error) {
  fail(error);
}
