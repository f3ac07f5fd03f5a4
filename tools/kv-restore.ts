#!/usr/bin/env node
// kv-restore, which is in tools/restore/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-restore');
await import('./restore/main.js');
