// The findings of kv-torture, for people and for programs.

import { coloursFor } from '../terminal/colour.js';
import { countOf, formatCount, formatDuration } from '../terminal/quantity.js';
import { renderTable } from '../terminal/table.js';
import type { CrashReport } from './crash-loop.js';
import { doubtsOf, type Disk } from './disk.js';
import { spreadOf, type Spread } from './percentile.js';

const SHOWN_MAX = 20;

/** Returns every place where the server broke a promise, one line each; none when all is well. */
export function brokenPromises(report: CrashReport): string[] {
  const { lost, invented, wrongReplies } = report;
  return Object.entries({ lost, invented, wrong: wrongReplies }).flatMap(([word, lines]) =>
    lines.map((line) => `${word}: ${line}`),
  );
}

/** Returns one object on one line. Times are in ms. */
export function composeJson(report: CrashReport, disk: Disk): string {
  const { seed, kills, acknowledged, seen, lost, invented, wrongReplies, restartMs } = report;
  const figures = {
    seed,
    kills,
    acknowledged,
    seen,
    lost: lost.length,
    invented: invented.length,
    wrong: wrongReplies.length,
    findings: brokenPromises(report),
    restartMs: spreadOf(restartMs),
    disk: { ...disk, doubts: doubtsOf(disk) },
  };
  return `${JSON.stringify(figures)}\n`;
}

/** Returns a table and, when a promise was broken, the first places. */
export async function composeText(report: CrashReport, disk: Disk): Promise<string> {
  const { green, red } = coloursFor(process.stdout);
  const verdict = (lines: readonly string[]): string =>
    lines.length === 0 ? green('0') : red(formatCount(lines.length));
  const cache = disk.writeCache === undefined ? '' : `, write cache: ${disk.writeCache}`;
  const table = await renderTable([
    ['kills', formatCount(report.kills)],
    ['writes acknowledged', formatCount(report.acknowledged)],
    ['values seen by readers', formatCount(report.seen)],
    ['lost', verdict(report.lost)],
    ['invented', verdict(report.invented)],
    ['wrong answers', verdict(report.wrongReplies)],
    ['restart', spreadText(spreadOf(report.restartMs))],
    ['sync of the disk', spreadText(disk.syncMs)],
    ['syncs timed', `${countOf(disk.syncs, 'write')} of 4 KiB`],
    ['file system', `${disk.fileSystem}${cache}`],
    ['seed', String(report.seed)],
  ]);
  const broken = brokenPromises(report);
  const rest = broken.length - SHOWN_MAX;
  const lines = [table, ...broken.slice(0, SHOWN_MAX), ...(rest > 0 ? [`and ${rest} more`] : [])];
  return `${lines.join('\n')}\n`;
}

function spreadText({ p50, p99, max }: Spread): string {
  const [half, most, all] = [p50, p99, max].map(shortDuration);
  return `p50 ${half}, p99 ${most}, max ${all}`;
}

/** Syncs may take less than a tenth of a millisecond. */
function shortDuration(ms: number): string {
  return ms < 0.95 ? `${Math.round(ms * 1000)} µs` : formatDuration(ms);
}
