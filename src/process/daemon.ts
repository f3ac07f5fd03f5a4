// `-d`: starts the same command line again without a terminal and waits until it serves. The daemon
// writes its messages to the starting process until then, and none afterwards, as memcached.

import { spawn } from 'node:child_process';

import { EXIT } from '../exit-codes.js';

const IS_DAEMON = 'CAIRN_IS_DAEMON';

/** Whether this process is the one that was started in the background. */
export function isDaemon(): boolean {
  return process.env[IS_DAEMON] !== undefined;
}

/** In the daemon: tells the starting process that it serves. Returns whether this is a daemon. */
export function tellStarter(): boolean {
  if (!isDaemon()) return false;
  // Whoever started it may have gone: it serves all the same.
  process.send?.('ready', undefined, undefined, () => undefined);
  return true;
}

/**
 * Resolves with the exit code of the starting process: 0 once the daemon listens, else its own. `write` passes on what
 * the daemon says until then.
 */
export function startDaemon(
  argv: readonly string[],
  write: (text: string) => void,
): Promise<number> {
  const script = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, script, ...argv], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, [IS_DAEMON]: '1' },
  });
  child.stderr?.on('data', (text: Buffer) => write(text.toString()));
  return new Promise((resolve) => {
    child.once('message', () => {
      child.disconnect();
      child.stderr?.destroy();
      child.unref();
      resolve(EXIT.ok);
    });
    child.once('exit', (code) => resolve(code ?? EXIT.bug));
    child.once('error', () => resolve(EXIT.system));
  });
}
