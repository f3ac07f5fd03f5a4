// `-d`: starts the same command line again as a daemon, without a terminal, and waits until it serves. Until then the
// daemon writes its messages to the starting process; afterwards it writes none, as with memcached.

import { spawn } from 'node:child_process';

import { EXIT } from '../exit-codes.js';

const IS_DAEMON = 'CAIRN_IS_DAEMON';

/** Checks whether this process is the one that was started in the background. */
export function isDaemon(): boolean {
  return process.env[IS_DAEMON] !== undefined;
}

/** Tells the starting process that this daemon serves. Returns false when this process is no daemon. */
export function tellStarter(): boolean {
  if (!isDaemon()) return false;
  // The starting process may be gone, which changes nothing for the daemon.
  process.send?.('ready', undefined, undefined, () => undefined);
  return true;
}

/**
 * Resolves with the exit code of the starting process: 0 once the daemon listens, otherwise the daemon's own code.
 * `write` gets the messages of the daemon until then.
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
    child.once('exit', (code, signal) => {
      if (signal !== null)
        write(
          `kv-server: ${signal} ended the daemon before it served: look who sent it, or start it without -d\n`,
        );
      resolve(code ?? EXIT.bug);
    });
    child.once('error', () => resolve(EXIT.system));
  });
}
