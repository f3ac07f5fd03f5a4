// The options that name an earlier moment of a store: --at, --seq, --before-flush.

import { type Command, InvalidArgumentError, Option } from 'commander';

import { duration } from '../../src/config/values.js';
import type { Moment } from '../../src/offline/past-segments.js';

export interface MomentOptions {
  readonly at?: number;
  readonly seq?: number;
  readonly beforeFlush?: boolean;
}

const UNIX_SECONDS = /^\d{9,11}(\.\d+)?$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const AGO = /^\d+(\.\d+)?(ms|[smhd])$/i;

/**
 * Returns Unix ms of `2026-11-29T03:00:00Z`, of `2026-11-29 03:00` and `2026-11-29` (local time), of Unix seconds, or
 * of `10m` (ago).
 */
function timeOf(text: string): number {
  const ms = readTime(text);
  if (Number.isNaN(ms)) {
    throw new InvalidArgumentError(
      "Give a time such as 2026-11-29T03:00:00Z, '2026-11-29 03:00', Unix seconds, or 10m for ten minutes ago.",
    );
  }
  if (ms > Date.now()) throw new InvalidArgumentError('That time has not come yet.');
  return ms;
}

/** Returns NaN for a text that is not a time. */
function readTime(text: string): number {
  if (UNIX_SECONDS.test(text)) return Math.round(Number(text) * 1000);
  if (AGO.test(text)) return Date.now() - duration(0)(text);
  // Without the time, Date.parse would read a day as midnight in UTC, unlike a day with an hour.
  if (DAY.test(text)) return Date.parse(`${text} 00:00`);
  return /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
}

function seqOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

/** The user may give at most one of them. */
export function addMomentOptions(program: Command): Command {
  const at = new Option(
    '--at <time>',
    'as it was then: a date, Unix seconds, or 10m ago',
  ).argParser(timeOf);
  const seq = new Option('--seq <n>', 'as it was after that record').argParser(seqOf);
  const beforeFlush = new Option(
    '--before-flush',
    'as it was before the newest flush_all or delete_prefix',
  );
  return program
    .addOption(at.conflicts(['seq', 'beforeFlush']))
    .addOption(seq.conflicts(['at', 'beforeFlush']))
    .addOption(beforeFlush.conflicts(['at', 'seq']));
}

/** Returns undefined for the newest state. */
export function momentOf({ at, seq, beforeFlush }: MomentOptions): Moment | undefined {
  if (at !== undefined) return { kind: 'time', ms: at };
  if (seq !== undefined) return { kind: 'seq', seq };
  return beforeFlush === true ? { kind: 'before-flush' } : undefined;
}
