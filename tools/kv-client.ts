#!/usr/bin/env node
// kv-client: checks that Node is new enough for tools/client/main.ts before loading it.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-client');
await import('./client/main.js');
