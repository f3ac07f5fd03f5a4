// The phases of a connection and the moves between them.
//
// Invariants:
// - A connection is in one phase at a time, and moves only as MOVES says.
// - Whatever else is true of it at the same time (its input has ended, it waits for memory) is a field of its own.

import { assert } from '../assert.js';

/** What a connection is doing: one bit each. */
export const PHASE = {
  /** The next request may run, or is still to come. */
  READING: 1,
  /** Requests are being run. */
  RUNNING: 2,
  /** It has had its part of the turn, and waits for the next one. */
  YIELDING: 4,
  /** A request is being answered that those behind it wait for. */
  BUSY: 8,
  /** Nothing more is read or run; closed when the replies have left. */
  ENDING: 16,
  /** The socket is closed. */
  GONE: 32,
} as const;
export type Phase = (typeof PHASE)[keyof typeof PHASE];

const MOVES: Readonly<Record<Phase, number>> = {
  [PHASE.READING]: PHASE.RUNNING | PHASE.YIELDING | PHASE.GONE,
  [PHASE.RUNNING]: PHASE.READING | PHASE.YIELDING | PHASE.BUSY | PHASE.ENDING | PHASE.GONE,
  [PHASE.YIELDING]: PHASE.READING | PHASE.GONE,
  [PHASE.BUSY]: PHASE.READING | PHASE.ENDING | PHASE.GONE,
  [PHASE.ENDING]: PHASE.GONE,
  [PHASE.GONE]: 0,
};

/** The phase after `from`; a move that there is not is a bug. */
export function moved(from: Phase, to: Phase): Phase {
  assert((MOVES[from] & to) !== 0, 'A connection moves from phase to phase');
  return to;
}
