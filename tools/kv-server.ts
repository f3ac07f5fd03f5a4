#!/usr/bin/env node
// kv-server: the memcached-compatible server. Flags: src/config/flags.ts; the life of it: src/process/main.ts. What
// that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-server');
const { main } = await import('../src/process/main.js');
await main(process.argv.slice(2));
