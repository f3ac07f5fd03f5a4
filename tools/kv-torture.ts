#!/usr/bin/env node
// kv-torture, which is in tools/torture/main.ts: what that needs of Node is looked at before it is loaded.

import { requireNode } from './terminal/node-version.js';

requireNode('kv-torture');
await import('./torture/main.js');
