// Slices: spread work that is long compared with a get (statistics, listings of connections) over turns of the loop. All
// clients together get SLICES_PER_TURN slices per turn, in the order in which they asked. The rest waits for later turns.
// Invariant: a turn runs no more than SLICES_PER_TURN slices, however many clients ask.

const SLICES_PER_TURN = 8;

export class Slices {
  readonly #defer: (call: () => void) => void;
  #left = SLICES_PER_TURN;
  #isTurnCounted = false;
  #waiting: (() => void)[] = [];

  constructor(defer: (call: () => void) => void) {
    this.#defer = defer;
  }

  /** Returns undefined when the slice may run at once, otherwise a promise that resolves when it may. */
  enter(): Promise<void> | undefined {
    this.#countTurn();
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #countTurn(): void {
    if (this.#isTurnCounted) return;
    this.#isTurnCounted = true;
    this.#defer(() => {
      this.#isTurnCounted = false;
      const next = this.#waiting.splice(0, SLICES_PER_TURN);
      this.#left = SLICES_PER_TURN - next.length;
      if (this.#waiting.length > 0 || next.length > 0) this.#countTurn();
      for (const go of next) go();
    });
  }
}
