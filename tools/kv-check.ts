#!/usr/bin/env node
// kv-check, which is in tools/check/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-check');
await import('./check/main.js');
