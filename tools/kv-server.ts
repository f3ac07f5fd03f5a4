#!/usr/bin/env node
// kv-server: the memcached-compatible server. Flags: src/config/flags.ts; start and shutdown: src/process/main.ts.
// Checks that Node is new enough for them before loading them.

import { requireNode } from './terminal/node-version.js';

const EXIT_IO = 74;

requireNode('kv-server');
const { main } = await import('../src/process/main.js').catch(refuseFewDescriptors);
await main(process.argv.slice(2));

/** Node opens many modules at a time. Without a descriptor for one it would end with a stack trace and 1. */
function refuseFewDescriptors(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  const why = 'there are too few file descriptors to load the program: raise ulimit -n to 1024';
  process.stderr.write(`kv-server: ${why}\n`);
  process.exit(EXIT_IO);
}
