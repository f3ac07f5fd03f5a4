// The generator's process: takes a LoadSpec as JSON in its first argument, prints a LoadResult as JSON.

import { LoadGenerator } from './generator.js';
import type { LoadSpec } from './spec.js';

const spec = JSON.parse(process.argv[2] ?? '{}') as LoadSpec;
try {
  process.stdout.write(`${JSON.stringify(await new LoadGenerator(spec).run())}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
