// Work that is long beside a get (statistics, listings of connections) shares the turns of the loop: so many
// slices a turn for all clients together, in the order in which they asked. What is left waits for the next turn.
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

  /** Undefined: a slice may run at once. Else resolves when it may. */
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
