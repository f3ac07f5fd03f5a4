// A progress bar for work that takes a while. It appears only on a terminal and only on stderr: stdout belongs to the
// data. Elsewhere it is silent, so that logs hold no control characters.

import { formatBytes, formatCount } from './quantity.js';

export interface Progress {
  /** Sets a total that was not known at the start. */
  total(total: number): void;
  /** Sets how much is done by now, not how much was added. */
  at(done: number): void;
  /** Removes the bar from the screen. Safe to call more than once. */
  stop(): void;
}

const SILENT: Progress = { total: () => {}, at: () => {}, stop: () => {} };

/** Starts a bar that counts bytes or things. cli-progress is loaded only when there is a terminal to show it. */
export async function startProgress(
  label: string,
  unit: 'bytes' | 'keys' | 'kills' | 'seconds' | 'faults',
  total: number,
  shown = true,
): Promise<Progress> {
  const stream = process.stderr;
  if (!shown || !stream.isTTY || process.env['TERM'] === 'dumb') return SILENT;
  const { default: cliProgress } = await import('cli-progress');
  const show = unit === 'bytes' ? formatBytes : formatCount;
  const bar = new cliProgress.SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value} of {total}`,
      // cli-progress formats every figure with this function. Ours are sizes or counts, percentages are not.
      formatValue: (value, _options, type) =>
        type === 'value' || type === 'total' ? show(value) : String(value),
      stream,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 30,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return {
    total: (newTotal) => bar.setTotal(newTotal),
    at: (done) => bar.update(done),
    stop: () => bar.stop(),
  };
}
