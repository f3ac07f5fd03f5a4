#!/usr/bin/env node
// kv-backup, which is in tools/backup/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-backup');
await import('./backup/main.js');
