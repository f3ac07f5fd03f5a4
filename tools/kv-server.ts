#!/usr/bin/env node
// kv-server: the memcached-compatible server. Flags: src/config/flags.ts; the life of it: src/main.ts.

import { main } from '../src/main.js';

await main(process.argv.slice(2));
