// Turns: divide each turn of the loop among the connections. Connections with more than a few requests share some ms of
// each turn. When that time is over, they go on in later turns, in the order in which they yielded, and share the same
// time of those turns.

import type { Clock } from '../env/env.js';

/** After this time in a turn, connections with more requests wait for the next turn. */
const TURN_MS = 5;
/** New input still runs for this long after TURN_MS, so that hundreds of connections need not wait for a further turn. */
const INPUT_MS = 2;
/** Waiting connections get at least this time, even if input has used up the turn. */
const REST_MS = 1;
/** The clock of a turn starts only after this many inputs. For fewer inputs it would cost as much as they do. */
const INPUTS = 64;
/** The clock is read once per this many requests; during the first looks of a process once per request. */
const LOOK_REQUESTS = 8;
/** During this many first looks the code is not compiled yet, and takes many times as long. */
const COLD_LOOKS = 1000;
/** While at least this many connections wait, a connection with new input runs only one request at once. */
const CROWD = 32;

export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  #inputs = 0;
  #coldLooks = COLD_LOOKS;
  /** Connections call `isUp` after this many requests. A plain field, because it is read for every input. */
  lookRequests = 1;
  /** True while more connections wait than one turn may serve. A plain field, because it is read for every request. */
  isCrowded = false;
  /** End of the running turn; undefined: its clock has not started. */
  #endMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the running turn is over for connections that are running requests. */
  isUp(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#coldLooks > 0) {
      this.#coldLooks -= 1;
      if (this.#coldLooks === 0) this.lookRequests = LOOK_REQUESTS;
    }
    return nowMs >= (this.#endMs ?? this.#begin(nowMs));
  }

  /** True when new input has to wait, because thousands of connections had input in this turn. Call it per input. */
  isOver(): boolean {
    if (this.#endMs !== undefined) return this.#clock.monotonicMs() >= this.#endMs + INPUT_MS;
    this.#inputs += 1;
    if (this.#inputs < INPUTS) return false;
    this.#inputs = 0;
    this.#begin(this.#clock.monotonicMs());
    return false;
  }

  /** Calls `goOn` in a later turn. */
  yield(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.isCrowded = this.#waiting.length >= CROWD;
    this.#schedule();
  }

  /** Starts the turn's clock; returns the end of the turn. */
  #begin(nowMs: number): number {
    this.#schedule();
    return (this.#endMs = nowMs + TURN_MS);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const nowMs = this.#clock.monotonicMs();
    // Input of the same turn has used a part of its time.
    const leftMs = this.#endMs === undefined ? TURN_MS : this.#endMs + INPUT_MS - nowMs;
    const endMs = nowMs + Math.min(TURN_MS, Math.max(REST_MS, leftMs));
    this.#endMs = endMs;
    const due = this.#waiting;
    this.#waiting = [];
    this.isCrowded = false;
    let at = 0;
    while (at < due.length) {
      due[at]!();
      at += 1;
      if (this.#clock.monotonicMs() >= endMs) break;
    }
    if (at < due.length) this.#waiting = [...due.slice(at), ...this.#waiting];
    this.isCrowded = this.#waiting.length >= CROWD;
    this.#endMs = undefined;
    if (this.#waiting.length > 0) this.#schedule();
  }
}
