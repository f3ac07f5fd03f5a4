// The service manager (systemd, `Type=notify`) is told that the server listens. The program `systemd-notify` tells
// it, since Node cannot send to a datagram socket of the file system. Nothing is done where nobody asked.

import { execFile } from 'node:child_process';

import type { Logger } from '../env/env.js';

/** systemd-notify waits until it was heard, but not longer than this. */
const TOLD_WITHIN_MS = 10_000;

/** The start goes on meanwhile: whoever waits for the manager's word is delayed by one program only. */
export function tellReady(
  env: Readonly<Record<string, string | undefined>>,
  status: string,
  logger: Pick<Logger, 'warn'>,
): void {
  if ((env['NOTIFY_SOCKET'] ?? '') === '') return;
  const words = ['--ready', `--status=${status}`];
  execFile('systemd-notify', words, { timeout: TOLD_WITHIN_MS }, (error, _, stderr) => {
    if (error === null) return;
    const why = stderr.trim() === '' ? error.message : stderr.trim();
    logger.warn(
      `systemd was not told that the server is ready (${why}): set Type=exec in its unit`,
    );
  });
}
