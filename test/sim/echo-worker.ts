// A background thread for the simulator's own test: it answers each number with its double, and writes a file.

import type { Env, Port } from '../../src/env/env.js';

export async function run(env: Env, port: Port, input: unknown): Promise<void> {
  const { path } = input as { path: string };
  const file = await env.fs.open(path, 'create');
  await file.write(Buffer.from('from the thread'), 0);
  await file.close();
  await new Promise<void>((resolve) => {
    port.onMessage((message) => {
      if (message === 'end') resolve();
      else port.post((message as number) * 2);
    });
  });
}
