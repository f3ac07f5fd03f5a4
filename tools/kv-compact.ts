#!/usr/bin/env node
// kv-compact, which is in tools/compact/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-compact');
await import('./compact/main.js');
