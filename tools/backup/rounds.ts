// The rounds of kv-backup into a directory: a single round, or rounds until a signal.

import type { Env } from '../../src/env/env.js';
import { failureText, isKvError } from '../../src/errors.js';
import { EXIT, exitCodeOf, type ExitCode } from '../../src/exit-codes.js';
import { checkBackup } from '../../src/offline/backup/backup-check.js';
import { backUp, type BackupReport } from '../../src/offline/backup/backup-store.js';
import { isServed } from '../compact/control-client.js';
import { refuseInside } from '../terminal/new-store.js';
import { startProgress } from '../terminal/progress.js';
import { countOf, formatBytes, formatDuration } from '../terminal/quantity.js';

interface Task {
  readonly dir: string;
  readonly to: string;
  readonly keepMs: number;
  readonly verify: boolean;
}

export async function backUpOnce(env: Env, task: Task): Promise<ExitCode> {
  const { dir, to } = task;
  await refuseInside(dir, to);
  const progress = await startProgress('backing up', 'bytes', 0);
  const beganMs = env.clock.monotonicMs();
  let read = 0;
  let report: BackupReport;
  try {
    report = await backUp(env, dir, to, {
      isServed: () => isServed(dir),
      keepMs: task.keepMs,
      onBytes: (bytes) => {
        read += bytes;
        progress.total(read);
        progress.at(read);
      },
    });
  } finally {
    progress.stop();
  }
  const { manifest, copiedBytes, linkedBytes } = report;
  const linked = linkedBytes === 0 ? '' : `, ${formatBytes(linkedBytes)} linked`;
  const took = formatDuration(env.clock.monotonicMs() - beganMs);
  process.stderr.write(
    `seq ${manifest.seq} of ${new Date(manifest.atMs).toISOString()} in ${to}: ${formatBytes(copiedBytes)} copied${linked}, in ${took}\n`,
  );
  return task.verify ? verify(env, to) : EXIT.ok;
}

/** Reads back and checks everything that the backup directory holds. */
export async function verify(env: Env, to: string): Promise<ExitCode> {
  const progress = await startProgress('verifying', 'bytes', 0);
  let read = 0;
  try {
    const { files, bytes, keys, seq } = await checkBackup(env, to, (more) => {
      read += more;
      progress.total(read);
      progress.at(read);
    });
    progress.stop();
    process.stderr.write(
      `${to} is whole: ${countOf(files, 'file')}, ${formatBytes(bytes)}; ${countOf(keys, 'key')} at seq ${seq}\n`,
    );
    return EXIT.ok;
  } finally {
    progress.stop();
  }
}

/** Failures that a human has to repair: the next round would fail in the same way. */
const LASTING: ReadonlySet<ExitCode> = new Set([EXIT.usage, EXIT.bug, EXIT.noPermission]);

/**
 * Runs rounds until SIGTERM or SIGINT, after which the present round still ends. The log reports a round that fails,
 * and the next one is tried.
 */
export async function backUpEvery(env: Env, task: Task, everyMs: number): Promise<ExitCode> {
  const stop = new Stop();
  while (!stop.isAsked) {
    const beganMs = env.clock.monotonicMs();
    try {
      await backUpOnce(env, task);
    } catch (error: unknown) {
      if (LASTING.has(exitCodeOf(error)) || isKvError(error, 'KV_FORMAT_VERSION')) throw error;
      env.logger.error(`This round failed, the next one is tried: ${failureText(error)}`);
    }
    await stop.within(Math.max(0, beganMs + everyMs - env.clock.monotonicMs()));
  }
  return EXIT.ok;
}

/** Remembers that a signal asked the service to end. */
class Stop {
  isAsked = false;
  #wake: () => void = () => undefined;

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        this.isAsked = true;
        this.#wake();
      });
    }
  }

  /** Resolves after the delay, or at once when a signal asked for the end. */
  within(delayMs: number): Promise<void> {
    if (this.isAsked) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
