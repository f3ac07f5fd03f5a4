#!/usr/bin/env node
// kv-backup: checks that Node is new enough for tools/backup/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-backup');
await import('./backup/main.js');
