// What a client may expect of the store after a crash. The ledger lives outside the server's process:
// per key it holds the states that its writes lead to, which of them is acknowledged or was seen by a
// reader (neither may be taken back), and which are in flight (each prefix of them may have happened).
//
// Invariant: a key is written by one connection only, so its writes happen in the order they were sent.

/** Flags, expiry mark and value in one string; undefined: there is no such key. */
export type State = string | undefined;

export type Verdict = 'right' | 'lost' | 'invented';

export class KeyLedger {
  /** states[0] is that of version #first; the last one is what the newest write leads to. */
  #states: State[] = [undefined];
  #first = 0;
  /** No version below may be found any more. */
  #floor = 0;
  #acknowledged = 0;
  /** States that were overwritten in the life before: finding one of them again is a loss. */
  #past = new Set<State>();

  /** The state that the newest write leads to. */
  get newest(): State {
    return this.#states.at(-1);
  }

  /** The oldest version that a crash from now on may leave. */
  get floor(): number {
    return this.#floor;
  }

  /** The newest version that a crash until now can leave. */
  get ceiling(): number {
    return this.#first + this.#states.length - 1;
  }

  /** Notes a write that is sent now. */
  sent(next: State): void {
    this.#states.push(next);
  }

  /** The oldest unanswered write was answered. */
  answered(): void {
    this.#acknowledged += 1;
    this.#floor = Math.max(this.#floor, this.#acknowledged);
  }

  /** The newest write, the only one unanswered, was certainly not done: nobody may ever see it. */
  refused(): void {
    this.#states.pop();
  }

  /** A reader was shown `state`: from now on at least the oldest version with it must survive. */
  seen(state: State): Verdict {
    const index = this.#states.indexOf(state);
    if (index < 0) return state === undefined || this.#past.has(state) ? 'lost' : 'invented';
    this.#floor = Math.max(this.#floor, this.#first + index);
    return 'right';
  }

  /** Judges what a crash left that came when `floor` and `ceiling` were these, in the present life. */
  verdict(found: State, floor = this.#floor, ceiling = this.ceiling): Verdict {
    const sent = this.#states.slice(0, ceiling + 1 - this.#first);
    if (sent.slice(floor - this.#first).includes(found)) return 'right';
    const isOld = found === undefined || sent.includes(found) || this.#past.has(found);
    return isOld ? 'lost' : 'invented';
  }

  /** Compares with what a restarted server holds, and goes on from there. */
  recovered(found: State): Verdict {
    const verdict = this.verdict(found);
    this.#past = new Set(this.#states);
    this.#past.delete(found);
    this.#first += this.#states.length;
    this.#states = [found];
    this.#acknowledged = this.#first;
    this.#floor = this.#first;
    return verdict;
  }
}
