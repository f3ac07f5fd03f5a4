// The service manager: tells systemd (`Type=notify`) that the server listens. It runs the program `systemd-notify`,
// because Node cannot send to a datagram socket of the file system. Without NOTIFY_SOCKET it does nothing.

import { execFile } from 'node:child_process';

import type { Logger } from '../env/env.js';

/** systemd-notify waits until systemd has read the message, but not longer than this. */
const TOLD_WITHIN_MS = 10_000;

/** Sends the message in the background: units that wait for it are delayed only by the run of one program. */
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
