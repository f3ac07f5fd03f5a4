#!/usr/bin/env node
// kv-server: the memcached-compatible server. Flags: src/config/flags.ts; start and shutdown: src/process/main.ts.
// Checks that Node is new enough for them before loading them.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-server');
const { main } = await import('../src/process/main.js');
await main(process.argv.slice(2));
