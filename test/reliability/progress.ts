// The progress of a row of the long tier, on stderr: a bar on a terminal, otherwise one line per half minute.

import { startProgress, type Progress } from '../../tools/terminal/progress.js';

const LINE_MS = 30_000;

/** Starts to show progress. The caller must call `stop`. */
export async function watchRow(name: string, unit: 'faults', total: number): Promise<Progress> {
  if (process.stderr.isTTY) return startProgress(name, unit, total);
  const startedMs = performance.now();
  let done = 0;
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`${name}: ${done} of about ${total} ${unit}, ${seconds} s\n`);
  }, LINE_MS);
  return {
    total: (newTotal) => (total = newTotal),
    at: (now) => (done = now),
    stop: () => clearInterval(timer),
  };
}
