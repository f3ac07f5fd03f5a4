// The times at which the requests of an open loop are due: at even intervals, on each connection in turn. They are
// computed, so that nothing has to be stored about a request on its way.
// Invariant: replies of one connection come in the order of its requests.

export class Schedule {
  readonly #startMs: number;
  readonly #gapMs: number;
  readonly #connections: number;

  /** The first request is due at `startMs`, on connection 0. */
  constructor(startMs: number, ratePerSecond: number, connections: number) {
    this.#startMs = startMs;
    this.#gapMs = 1000 / ratePerSecond;
    this.#connections = connections;
  }

  /** Returns the time at which request `index` of a connection is due. */
  dueMs(connection: number, index: number): number {
    return this.#startMs + (connection + index * this.#connections) * this.#gapMs;
  }

  /** Returns how many requests of a connection are due up to `nowMs`. */
  dueCount(connection: number, nowMs: number): number {
    // When the time is computed from a multiple of the gap, rounding must not make a request miss its own time.
    const gaps = Math.floor((nowMs - this.#startMs) / this.#gapMs + 1e-6);
    return gaps < connection ? 0 : Math.floor((gaps - connection) / this.#connections) + 1;
  }
}
