// Virtual time: everything that happens later in a simulation (a disk's answer, a timer, a message) is an event here. Events
// run one by one in the order of their time. Between two events all promises settle.
// Invariants: time never goes back; events of equal time run in the order in which they were made; real time and real I/O
// never decide anything (an import of a module halts virtual time until it is loaded).

export interface Event {
  cancel(): void;
}

interface Entry extends Event {
  readonly atMs: number;
  readonly order: number;
  call: (() => void) | undefined;
}

/**
 * The ways in which waiting for a promise ends.
 * - `stopped`: the process died meanwhile (stop() was called).
 * - `fatal`: an event threw, as an uncaught exception would end a real process.
 * - `stuck`: no event is left that could settle the promise, or it took longer than the limit.
 */
export type Settled<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'fatal'; readonly error: unknown }
  | { readonly kind: 'stuck'; readonly reason: string };

const SETTLE_LIMIT_MS = 30 * 60 * 1000;
const SETTLE_LIMIT_EVENTS = 5_000_000;

export class Scheduler {
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #orders = 0;
  #outside: Promise<unknown>[] = [];
  #stops = 0;
  #fatal: { readonly error: unknown } | undefined;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `call` after `delayMs` of virtual time. */
  after(delayMs: number, call: () => void): Event {
    const entry: Entry = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#orders++,
      call,
      cancel: () => void (entry.call = undefined),
    };
    this.#push(entry);
    return entry;
  }

  /** Holds virtual time until something real (loading a module) is done. */
  waitOutside(promise: Promise<unknown>): void {
    this.#outside.push(promise);
  }

  /** Ends every settle() that is running: the process that it waited for is dead. */
  stop(): void {
    this.#stops++;
  }

  /** Records an error that would have been an uncaught exception. */
  fail(error: unknown): void {
    this.#fatal ??= { error };
  }

  /** Runs events until `promise` settles; otherwise returns why it never will. */
  async settle<T>(promise: Promise<T> | T): Promise<Settled<T>> {
    let result: Settled<T> | undefined;
    const stops = this.#stops;
    const startedMs = this.#nowMs;
    Promise.resolve(promise).then(
      (value) => void (result = { kind: 'value', value }),
      (error: unknown) => void (result = { kind: 'error', error }),
    );
    for (let events = 0; events < SETTLE_LIMIT_EVENTS; events++) {
      await allPromises();
      if (this.#fatal !== undefined) return this.#takeFatal(this.#fatal.error);
      if (this.#stops !== stops) return { kind: 'stopped' };
      if (result !== undefined) return result;
      if (this.#outside.length > 0) {
        await Promise.allSettled(this.#outside.splice(0));
        continue;
      }
      if (!this.#step()) return { kind: 'stuck', reason: 'nothing is left to happen' };
      if (this.#nowMs - startedMs > SETTLE_LIMIT_MS) break;
    }
    return { kind: 'stuck', reason: 'it takes too long' };
  }

  /** Runs all events of the next `delayMs` and leaves the clock there. */
  async advance(delayMs: number): Promise<Settled<void>> {
    return this.settle(new Promise<void>((resolve) => void this.after(delayMs, resolve)));
  }

  #takeFatal(error: unknown): { kind: 'fatal'; error: unknown } {
    this.#fatal = undefined;
    return { kind: 'fatal', error };
  }

  #step(): boolean {
    for (;;) {
      const entry = this.#pop();
      if (entry === undefined) return false;
      if (entry.call === undefined) continue;
      this.#nowMs = entry.atMs;
      try {
        entry.call();
      } catch (error) {
        this.fail(error);
      }
      return true;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isEarlier(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child++;
      if (!isEarlier(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isEarlier(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Resolves when every promise that can settle without a new event has settled. */
function allPromises(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
