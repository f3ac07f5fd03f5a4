// The background thread: takes one task after the other from the main thread. It reads segments and
// writes new files; it never sees the keydir and never changes a file that the main thread uses.

import type { Env, Port } from '../../env/env.js';
import { isKvError, systemCode } from '../../errors.js';
import { compactRun } from './compact-run.js';
import { exportItems } from './export-items.js';
import type { FromWorker, JudgeAnswer, ExportItems, Task, ToWorker } from './messages.js';
import { writeSegmentHint } from './write-segment-hint.js';

export interface WorkerInput {
  readonly dir: string;
}

/** A task's line to the main thread: one question at a time. */
export interface Line {
  post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  /** The next answer. */
  answer(): Promise<JudgeAnswer | ExportItems>;
}

/** Runs until it is told to stop. */
export async function run(env: Env, port: Port, input: unknown): Promise<void> {
  const { dir } = input as WorkerInput;
  let answered: ((message: JudgeAnswer | ExportItems) => void) | undefined;
  const line: Line = {
    post: (message, transfer) => port.post(message, transfer),
    answer: () => new Promise((resolve) => (answered = resolve)),
  };
  await new Promise<void>((stop) => {
    port.onMessage((raw) => {
      const message = raw as ToWorker;
      if ('stop' in message) stop();
      else if ('answer' in message) answered?.(message);
      else void perform(env, dir, message, line);
    });
  });
}

async function perform(env: Env, dir: string, task: Task, line: Line): Promise<void> {
  try {
    if (task.task === 'hint') await writeSegmentHint(env.fs, dir, task, line);
    else if (task.task === 'compact') await compactRun(env.fs, dir, task, line);
    else await exportItems(env.fs, dir, task, line);
  } catch (error) {
    const code = isKvError(error) ? error.code : systemCode(error);
    line.post({ done: 'failed', code, message: String(error) });
  }
}
