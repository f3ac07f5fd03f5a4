#!/usr/bin/env node
// kv-dump: checks that Node is new enough for tools/dump/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-dump');
await import('./dump/main.js');
