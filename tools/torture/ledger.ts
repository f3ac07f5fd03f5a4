// The states of the store that a client may expect after a crash. The ledger lives outside the server's process. Per
// key it holds the states that its writes lead to. It knows which of them is acknowledged or was seen by a reader
// (neither may be taken back), and which are in flight (each prefix of them may have happened).
//
// Invariant: only one connection writes each key, and so its writes happen in the order in which they were sent.

/** Flags, expiry mark and value in one string; undefined when the key does not exist. */
export type State = string | undefined;

type Verdict = 'right' | 'lost' | 'invented';

export class KeyLedger {
  /** states[0] is the state of version #first; the last one is the state that the newest write leads to. */
  #states: State[] = [undefined];
  #first = 0;
  /** No version below this one may be found any more. */
  #floor = 0;
  #acknowledged = 0;
  /** States that were overwritten before the last restart: finding one of them again is a loss. */
  #past = new Set<State>();

  /** The state that the newest write leads to. */
  get newest(): State {
    return this.#states.at(-1);
  }

  /** The number of the oldest version that a crash from now on may leave. */
  get floor(): number {
    return this.#floor;
  }

  /** Returns the states that a crash could leave: from `floor`, which was taken in the present life, up to now. */
  possibleSince(floor: number): State[] {
    return this.#states.slice(floor - this.#first);
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

  /** The newest write, the only unanswered one, was certainly not done: no reader may ever see it. */
  refused(): void {
    this.#states.pop();
  }

  /** A reader saw `state`: from now on at least the oldest version with that state must survive. */
  seen(state: State): Verdict {
    const index = this.#states.indexOf(state);
    if (index < 0) return state === undefined || this.#past.has(state) ? 'lost' : 'invented';
    this.#floor = Math.max(this.#floor, this.#first + index);
    return 'right';
  }

  /** Judges a found state where only the `possible` states should be. */
  verdict(found: State, possible: readonly State[]): Verdict {
    if (possible.includes(found)) return 'right';
    const isOld = found === undefined || this.#states.includes(found) || this.#past.has(found);
    return isOld ? 'lost' : 'invented';
  }

  /** The crash came when only these states were possible: later writes never happened. Call it before recovered(). */
  cutBack(possible: readonly State[]): void {
    const first = this.#states.indexOf(possible[0]);
    for (const old of this.#states.slice(0, first)) this.#past.add(old);
    this.#states = [...possible];
    this.#floor = this.#first;
  }

  /** Compares the ledger with the state that a restarted server holds, and goes on from that state. */
  recovered(found: State): Verdict {
    const verdict = this.verdict(found, this.possibleSince(this.#floor));
    this.#past = new Set(this.#states);
    this.#past.delete(found);
    this.#first += this.#states.length;
    this.#states = [found];
    this.#acknowledged = this.#first;
    this.#floor = this.#first;
    return verdict;
  }
}
