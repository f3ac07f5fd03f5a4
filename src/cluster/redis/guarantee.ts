// Guarantee behind an answer: which commands follow a batch, and whether their replies are enough.
//
// Invariants (docs/decisions/0104-wait-and-strict-reads.md, docs/decisions/0109-barrier-without-sync.md):
// - WAIT covers the writes of its own connection. So a batch whose last command saw something but may have written nothing
//   gets a write of its own behind it: the barrier.
// - A plain read needs no barrier with `reads: 'fast'`. A change that was refused because of what it saw always needs one.

import type { Bundle } from './bundles.js';
import type { Operation } from './operation.js';

export interface Guarantee {
  /** Number of replicas that must have a write; 0: the master's own log is enough. */
  readonly replicas: number;
  readonly reads: 'strict' | 'fast';
  /** WAITAOF asks for synced logs. WAIT means that only with nodes that sync each write. */
  readonly asksForLogs: boolean;
}

/** Shorter than the time that a whole batch may take. */
const WAIT_MS_MAX = 2000;

interface Barrier {
  /** The last command is a WAIT. */
  readonly isAsked: boolean;
  /** A write of its own stands before the WAIT; otherwise the last operation of the batch is the write. */
  readonly isOwn: boolean;
}

/** Decides what follows a batch. An empty batch asks whether writes come through. */
export function barrierOf(guarantee: Guarantee, bundles: readonly Bundle[]): Barrier {
  if (guarantee.replicas === 0) return { isAsked: false, isOwn: bundles.length === 0 };
  const needs = ({ command }: Operation): boolean =>
    command.effect !== 'reads' || guarantee.reads === 'strict';
  const isNeeded = bundles.some(({ operations }) => operations.some(needs));
  if (bundles.length > 0 && !isNeeded) return { isAsked: false, isOwn: false };
  const last = bundles.at(-1)?.operations.at(-1);
  return { isAsked: true, isOwn: last?.command.effect !== 'writes' };
}

export function waitCommand({ replicas, asksForLogs }: Guarantee): [string, ...string[]] {
  const rest = [String(replicas), String(WAIT_MS_MAX)];
  return asksForLogs ? ['WAITAOF', '1', ...rest] : ['WAIT', ...rest];
}

/** Number of replicas in the reply of a WAIT or WAITAOF; 0 when the master's own log is not synced. */
export function acknowledgedBy(answer: unknown): number {
  if (!Array.isArray(answer)) return Number(answer);
  return Number(answer[0]) < 1 ? 0 : Number(answer[1]);
}
