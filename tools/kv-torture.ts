#!/usr/bin/env node
// kv-torture: checks that Node is new enough for tools/torture/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-torture');
await import('./torture/main.js');
