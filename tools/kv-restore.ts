#!/usr/bin/env node
// kv-restore: checks that Node is new enough for tools/restore/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-restore');
await import('./restore/main.js');
