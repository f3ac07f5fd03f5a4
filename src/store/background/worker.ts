// The background worker: performs one task after the other for the main thread. It reads segments and
// writes new files. It never sees the keydir and never changes a file that the main thread uses.

import type { Env, Port } from '../../env/env.js';
import { failureText, isKvError, KvError, systemCode } from '../../errors.js';
import { compactRun } from './compact-run.js';
import { exportItems } from './export-items.js';
import type { ExportItems, JudgeAnswer, Line, Task, ToWorker } from './messages.js';
import { scrubFile } from './scrub-file.js';
import { writeSegmentHint } from './write-segment-hint.js';

interface WorkerInput {
  readonly dir: string;
}

/** Runs until the main thread stops it. A task under way then ends at its next question, and cleans up. */
export async function run(env: Env, port: Port, input: unknown): Promise<void> {
  const { dir } = input as WorkerInput;
  let waiting: Waiting | undefined;
  let task: Promise<void> = Promise.resolve();
  let stopping = false;
  const line: Line = {
    post: (message, transfer) => port.post(message, transfer),
    answer: () =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        if (stopping) reject(closing());
      }),
  };
  await new Promise<void>((stop) => {
    port.onMessage((raw) => {
      const message = raw as ToWorker;
      if ('answer' in message) waiting?.resolve(message);
      else if ('task' in message) task = perform(env, dir, message, line);
      else {
        stopping = true;
        waiting?.reject(closing());
        stop();
      }
    });
  });
  await task;
}

interface Waiting {
  resolve(message: JudgeAnswer | ExportItems): void;
  reject(error: Error): void;
}

function closing(): KvError {
  return new KvError('KV_CLOSED', 'The store is closing');
}

async function perform(env: Env, dir: string, task: Task, line: Line): Promise<void> {
  try {
    if (task.task === 'hint') await writeSegmentHint(env.fs, dir, task, line);
    else if (task.task === 'scrub') await scrubFile(env.fs, dir, task, line);
    else if (task.task === 'compact') await compactRun(env.fs, dir, task, line);
    else await exportItems(env.fs, dir, task, line);
  } catch (error) {
    const code = isKvError(error) ? error.code : systemCode(error);
    line.post({ done: 'failed', code, message: failureText(error) });
  }
}
