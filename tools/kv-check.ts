#!/usr/bin/env node
// kv-check: checks that Node is new enough for tools/check/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-check');
await import('./check/main.js');
