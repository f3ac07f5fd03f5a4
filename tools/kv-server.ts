#!/usr/bin/env node
// kv-server: the memcached-compatible server. Flags: src/config/flags.ts; the life of it: src/process/main.ts.

import { main } from '../src/process/main.js';

await main(process.argv.slice(2));
