// Parent watch: ends a server that `npx cairn-kv` has started when npx ends. npx runs the server below a shell, and a signal
// to npx ends that shell, which passes no signal on. Without the watch the server would go on, and the next start would find
// its directory locked.
//
// Invariant: a process that was not started by npx, or that runs in the background (-d), is never watched.

import { isDaemon } from './daemon.js';

const LOOK_MS = 500;

/** Checks whether npx started this process. */
export function isBelowNpx(): boolean {
  return process.env['npm_command'] === 'exec' && !isDaemon();
}

/** Calls `gone` once when the parent process has ended. */
export function watchParent(gone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, LOOK_MS);
  timer.unref();
}
