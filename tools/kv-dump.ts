#!/usr/bin/env node
// kv-dump, which is in tools/dump/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-dump');
await import('./dump/main.js');
