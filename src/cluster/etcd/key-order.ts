// Order of calls: the calls of one key are done one after the other, in the order in which they were made. Calls of different
// keys do not wait for each other. A barrier (a flush or the deletion of a prefix) stands between all calls before it and all
// calls after it.
//
// Invariant: a key has at most one job under way. So no batch has a key twice, which etcd would refuse.

/** A job in the line of its key. */
export interface Queued<Guess> {
  /** The key, as a string of latin1. */
  readonly name: string;
  /** The next job of the same key. */
  following: Queued<Guess> | undefined;
  /** Begins the job. `guess`: the state that the job before it left behind. */
  begin(guess: Guess | undefined): void;
}

export class KeyOrder<Guess> {
  readonly #last = new Map<string, Queued<Guess>>();
  /** Calls that came while a barrier waits or is under way, in their order. */
  #held: (() => void)[] = [];
  #isBarred = false;
  #whenEmpty: (() => void) | undefined;

  /** Keys that have a job under way. */
  get keys(): number {
    return this.#last.size;
  }

  add(job: Queued<Guess>): void {
    if (this.#isBarred) {
      this.#held.push(() => this.add(job));
      return;
    }
    const before = this.#last.get(job.name);
    this.#last.set(job.name, job);
    if (before === undefined) job.begin(undefined);
    else before.following = job;
  }

  /** The last call of this key, if no barrier stands between it and the next call. */
  lastOf(name: string): Queued<Guess> | undefined {
    return this.#isBarred ? undefined : this.#last.get(name);
  }

  /** Tells that the job is settled: the next job of its key may begin. */
  finished(job: Queued<Guess>, guess: Guess | undefined): void {
    if (job.following !== undefined) {
      job.following.begin(guess);
      return;
    }
    this.#last.delete(job.name);
    if (this.#last.size === 0) this.#whenEmpty?.();
  }

  /** Runs `call` when all calls before it are settled. Calls that come meanwhile begin when it is done. */
  barrier<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isBarred) {
      return new Promise((resolve) => {
        this.#held.push(() => resolve(this.barrier(call)));
      });
    }
    this.#isBarred = true;
    return this.#run(call);
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    try {
      if (this.#last.size > 0) {
        await new Promise<void>((resolve) => {
          this.#whenEmpty = resolve;
        });
        this.#whenEmpty = undefined;
      }
      return await call();
    } finally {
      this.#isBarred = false;
      const held = this.#held;
      this.#held = [];
      // A barrier among them holds the calls behind it again, in their order.
      for (const again of held) again();
    }
  }
}
