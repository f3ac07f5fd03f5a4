#!/usr/bin/env node
// kv-compact: checks that Node is new enough for tools/compact/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-compact');
await import('./compact/main.js');
