// Gathering, as a bare client does it for its callers: it keeps their requests while its batches are out, and sends
// them with the next batch. It knows no deadlines, no retries and no bounds. Cairn's batcher (src/cluster) is
// compared with it.

/** A request of one caller, who waits for `settle`. */
export interface Asked {
  readonly key: Buffer;
  /** Undefined for a read. */
  readonly value: Buffer | undefined;
  settle(found: boolean): void;
}

export class Gathering {
  readonly #send: (batch: readonly Asked[]) => Promise<void>;
  readonly #batchMax: number;
  readonly #fail: (error: unknown) => void;
  #waiting: Asked[] = [];
  #free: number;
  #isDeferred = false;

  /** `lanes` is the number of batches that may be out at a time. A rejection of `send` is given to `fail`. */
  constructor(
    lanes: number,
    batchMax: number,
    send: (batch: readonly Asked[]) => Promise<void>,
    fail: (error: unknown) => void,
  ) {
    this.#free = lanes;
    this.#batchMax = batchMax;
    this.#send = send;
    this.#fail = fail;
  }

  add(asked: Asked): void {
    this.#waiting.push(asked);
    if (this.#isDeferred || this.#free === 0) return;
    this.#isDeferred = true;
    // The other requests of this turn join the batch.
    setImmediate(() => {
      this.#isDeferred = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#free > 0 && this.#waiting.length > 0) {
      const batch = this.#take();
      this.#free -= 1;
      this.#send(batch).then(() => {
        this.#free += 1;
        this.#pump();
      }, this.#fail);
    }
  }

  /** A batch holds no key twice: etcd refuses a transaction that puts a key again. */
  #take(): readonly Asked[] {
    const batch: Asked[] = [];
    const later: Asked[] = [];
    const keys = new Set<string>();
    for (const asked of this.#waiting) {
      const name = asked.key.toString('latin1');
      if (batch.length < this.#batchMax && !keys.has(name)) {
        keys.add(name);
        batch.push(asked);
      } else {
        later.push(asked);
      }
    }
    this.#waiting = later;
    return batch;
  }
}
