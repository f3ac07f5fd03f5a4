// A background thread that reports its priority.

import os from 'node:os';

import type { Env, Port } from '../../src/env/env.js';

export async function run(_env: Env, port: Port): Promise<void> {
  port.post(os.getPriority());
}
