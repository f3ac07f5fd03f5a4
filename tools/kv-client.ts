#!/usr/bin/env node
// kv-client, which is in tools/client/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-client');
await import('./client/main.js');
