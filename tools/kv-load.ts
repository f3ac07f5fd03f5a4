#!/usr/bin/env node
// kv-load, which is in tools/load/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-load');
await import('./load/main.js');
