// A redis-server of Debian's on a port of its own, that keeps nothing; it ends with the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.js';

export interface RedisServer {
  readonly port: number;
  /** As by kill -9; safe to call again. */
  kill(): Promise<void>;
}

/** Resolves when it accepts connections; `program` from requireProgram(). */
export async function startRedis(
  program: string,
  dir: string,
  args: readonly string[] = [],
): Promise<RedisServer> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir];
  const child = spawn(program, [...settings, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (line.includes('eady to accept connections')) {
      child.stdout.resume();
      return {
        port,
        kill: async () => {
          child.kill('SIGKILL');
          await exited;
        },
      };
    }
  }
  throw new Error(`redis-server did not start:\n${said.join('\n')}`);
}
