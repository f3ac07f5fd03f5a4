// The guarantee behind an answer: which commands stand behind a batch, and whether what they answered is enough.
//
// Invariants (docs/decisions/0104-wait-and-strict-reads.md, docs/decisions/0109-barrier-without-sync.md):
// - WAIT covers what its own connection wrote. So a batch whose last command saw something, but may have written nothing,
//   gets a write of its own behind it: the barrier.
// - A plain read needs no barrier with `reads: 'fast'`; a change that was refused for what it saw always does.

import type { Operation } from './operation.js';

export interface Guarantee {
  /** So many replicas must have it; 0: the master's own log is enough. */
  readonly replicas: number;
  readonly reads: 'strict' | 'fast';
  /** WAITAOF asks for logs that are synced; WAIT says so only of nodes that sync at each write. */
  readonly asksForLogs: boolean;
}

/** Shorter than what a batch may take in all. */
const WAIT_MS_MAX = 2000;

interface Barrier {
  /** There is a WAIT, as the last command. */
  readonly isAsked: boolean;
  /** A write of its own stands before the WAIT; else the last operation of the batch is the write. */
  readonly isOwn: boolean;
}

/** A batch of nothing asks whether writes come through. */
export function barrierOf(guarantee: Guarantee, batch: readonly Operation[]): Barrier {
  if (guarantee.replicas === 0) return { isAsked: false, isOwn: batch.length === 0 };
  const needs = (one: Operation): boolean =>
    one.command.effect !== 'reads' || guarantee.reads === 'strict';
  if (batch.length > 0 && !batch.some(needs)) return { isAsked: false, isOwn: false };
  return { isAsked: true, isOwn: batch.at(-1)?.command.effect !== 'writes' };
}

export function waitCommand({ replicas, asksForLogs }: Guarantee): [string, ...string[]] {
  const rest = [String(replicas), String(WAIT_MS_MAX)];
  return asksForLogs ? ['WAITAOF', '1', ...rest] : ['WAIT', ...rest];
}

/** How many replicas the answer of a WAIT or WAITAOF names; none when the master's own log is not synced. */
export function acknowledgedBy(answer: unknown): number {
  if (!Array.isArray(answer)) return Number(answer);
  return Number(answer[0]) < 1 ? 0 : Number(answer[1]);
}
