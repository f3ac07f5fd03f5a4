// Limiter for calls that need something scarce (a descriptor) for a short time: a fixed number run at the same time,
// the others wait in order.
// Invariant: a call waits only for calls that began before it, and those end by themselves.

export class FewAtATime {
  #left: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#left = most;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#left === 0) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#left -= 1;
    try {
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#left += 1;
      else next();
    }
  }
}
