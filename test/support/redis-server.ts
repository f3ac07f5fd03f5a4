// Debian's redis-server on a port of its own. It keeps nothing on disk and ends with the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.js';

export interface RedisServer {
  readonly port: number;
  /** Kills the server as kill -9 does; safe to call again. */
  kill(): Promise<void>;
}

/** Starts the server; resolves when it accepts connections. `program` is from requireProgram(). */
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
