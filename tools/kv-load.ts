#!/usr/bin/env node
// kv-load: checks that Node is new enough for tools/load/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-load');
await import('./load/main.js');
