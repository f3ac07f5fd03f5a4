// Who has how much of a turn of the loop. Connections that run more than a few requests share some ms of each turn;
// those that have more go on in later turns, in the order in which they gave up theirs, and share the same time.

import type { Clock } from '../env/env.js';

/** After this time those who have more wait. */
const TURN_MS = 5;
/** What comes in is run until so much later, so that hundreds of connections need not wait for each other's turn. */
const INPUT_MS = 2;
/** What those who waited have at least, when input has used up the turn. */
const REST_MS = 1;
/** The clock of a turn is started by so many inputs, else it would cost as much as they do. */
const INPUTS = 64;
/** Whether a turn is over is asked once in so many requests; of the first looks of a process once per request. */
const LOOK_REQUESTS = 8;
/** So many looks run code that is not compiled yet, and takes many times as long. */
const COLD_LOOKS = 1000;
/** With so many waiting, a connection that comes beside them runs but one request at once. */
const CROWD = 32;

export class Turns {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  #inputs = 0;
  #coldLooks = COLD_LOOKS;
  /** Who runs requests asks `isUp` after so many. Read for every input: a plain field. */
  lookRequests = 1;
  /** More are waiting than one turn may hold. Read for every request: a plain field. */
  isCrowded = false;
  /** Of the running turn; undefined: nobody has asked in it. */
  #endMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The running turn is over for those who run requests. */
  isUp(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#coldLooks > 0) {
      this.#coldLooks -= 1;
      if (this.#coldLooks === 0) this.lookRequests = LOOK_REQUESTS;
    }
    return nowMs >= (this.#endMs ?? this.#begin(nowMs));
  }

  /** Call with each input: whether what came has to wait, because thousands had something to say in this turn. */
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

  /** The turn's time begins. Returns when it is over. */
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
    // Input of the same turn has had a part of its time.
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
