// Parent watch: ends a server that `npx cairn-kv` has started when npx ends. npx runs the server below a shell, and a signal
// to npx ends that shell, which passes no signal on. Without the watch the server would go on, and the next start would find
// its directory locked. SIGKILL to npx leaves the shell running, and so the server.
//
// Invariant: only the server that npx itself was asked to run is watched. Every program below npx inherits npm's variables. A
// server that such a program starts may outlive that program, and so may one that runs in the background (-d).

import { isDaemon } from './daemon.js';

const LOOK_MS = 500;

/** The command of npx, when it is one command that runs the server in the foreground. npx may quote the name. */
const SERVER_COMMAND = /^(['"]?)(?:[^\s'"]*\/)?(?:cairn-kv|kv-server)\1(?:\s[^;&|\n]*)?$/;

/** Checks whether npx started this process. */
export function isBelowNpx(env: NodeJS.ProcessEnv): boolean {
  const { npm_command: command, npm_lifecycle_event: event, npm_lifecycle_script: script } = env;
  return command === 'exec' && event === 'npx' && SERVER_COMMAND.test(script ?? '') && !isDaemon();
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
