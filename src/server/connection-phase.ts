// The phases of a connection and the moves between them.
//
// Invariants:
// - A connection is in one phase at a time, and moves only as MOVES says.
// - Other facts that hold at the same time (its input has ended, it waits for memory) are fields of their own.

import { assert } from '../assert.js';

/** The phases of a connection, one bit each. */
export const PHASE = {
  /** The next request may run, or is still to come. */
  READING: 1,
  /** Requests are being run. */
  RUNNING: 2,
  /** The connection has used its share of the turn and waits for the next turn. */
  YIELDING: 4,
  /** A request is being answered, and the requests behind it wait. */
  BUSY: 8,
  /** Nothing more is read or run; the socket is closed when the replies have left. */
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

/** Returns `to` if a connection may move there from `from`; any other move is a bug. */
export function moved(from: Phase, to: Phase): Phase {
  assert((MOVES[from] & to) !== 0, 'A connection makes only the moves in MOVES');
  return to;
}
