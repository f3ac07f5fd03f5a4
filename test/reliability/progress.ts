// How far a row of the long tier is, on stderr: a bar on a terminal, elsewhere a line each half minute.

import { startProgress, type Progress } from '../../tools/terminal/progress.js';

const LINE_MS = 30_000;

/** Starts to tell. `stop` must be called. */
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
