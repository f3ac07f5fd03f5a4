// `-d`: starts the same command line again without a terminal and waits until it serves.

import { spawn } from 'node:child_process';

import { EXIT } from './exit-codes.js';

/** Resolves with the exit code of the starting process: 0 once the daemon listens, else its own. */
export function startDaemon(argv: readonly string[]): Promise<number> {
  const rest = argv.filter((word) => word !== '-d' && word !== '--daemon');
  const script = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, script, ...rest], {
    detached: true,
    // stderr stays until it serves, so that a refusal is seen.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, CAIRN_DAEMON: '' },
  });
  return new Promise((resolve) => {
    child.once('message', () => {
      child.disconnect();
      child.unref();
      resolve(EXIT.ok);
    });
    child.once('exit', (code) => resolve(code ?? EXIT.bug));
    child.once('error', () => resolve(EXIT.system));
  });
}
