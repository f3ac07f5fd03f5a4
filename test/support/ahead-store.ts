// A Store like the ones on other machines: each call applies when it is made and is answered later. The answer comes in a
// turn of its own, or when the test releases it. Whatever has been answered is durable.
//
// Invariant: answers come in any order that the test likes; the order of the calls settled what they say.

import type * as S from '../../src/store/store.js';
import { ownLookup } from '../../src/store/own-lookup.js';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.js';

interface AheadOptions extends MemoryStoreOptions {
  /** Answers come when the test calls `answer`; otherwise they come after the turn of the loop. */
  readonly holds?: boolean;
}

export class AheadStore implements S.Store {
  readonly appliesInCallOrder = true;
  readonly changeLog = undefined;
  readonly clockAheadMs = 0;
  readonly memory: MemoryStore;
  /** The next change is answered with this status. */
  nextStatus: S.Status | undefined;
  readonly #holds: boolean;
  readonly #held: (() => void)[] = [];

  constructor(options: AheadOptions = {}) {
    this.memory = new MemoryStore(options);
    this.#holds = options.holds ?? false;
  }

  /** The number of answers that are held back. */
  get heldCount(): number {
    return this.#held.length;
  }

  /** Releases one of the held answers, by its index. */
  answer(at = 0): void {
    const [call] = this.#held.splice(at, 1);
    call?.();
  }

  get durability(): S.Store['durability'] {
    return this.memory.durability;
  }

  nowMs(): number {
    return this.memory.nowMs();
  }

  get(...args: Parameters<S.Store['get']>): Promise<S.Lookup> {
    const found = this.memory.get(...args);
    const kept = found instanceof Promise ? found : ownLookup(found);
    return this.#later(async () => ({ ...(await kept), after: 0 }));
  }

  put(put: S.Put): Promise<S.PutOutcome> {
    return this.#change(() => this.memory.put(put));
  }

  arithmetic(change: S.Arithmetic): Promise<S.ArithmeticOutcome> {
    return this.#change(() => this.memory.arithmetic(change));
  }

  touch(...args: Parameters<S.Store['touch']>): Promise<S.Outcome> {
    return this.#change(() => this.memory.touch(...args));
  }

  delete(change: S.Delete): Promise<S.Outcome> {
    return this.#change(() => this.memory.delete(change));
  }

  flush(atMs: number): Promise<S.Outcome> {
    return this.#change(() => this.memory.flush(atMs));
  }

  deletePrefix(prefix: Buffer): Promise<S.Outcome> {
    return this.#change(() => this.memory.deletePrefix(prefix));
  }

  list(cursor: number, limit: number): Promise<S.ListPage> {
    const page = this.memory.list(cursor, limit);
    return this.#later(() => page);
  }

  openLargeValue(): Promise<S.LargeValueWriter> {
    return this.memory.openLargeValue();
  }

  onEvicted(): void {}
  resizeCache(): void {}
  resizeStore(): void {}
  resetStats(): void {}

  stats(): ReadonlyMap<string, number | string> {
    return this.memory.stats();
  }

  segments(): readonly S.SegmentView[] {
    return [];
  }

  compact(): Promise<S.CompactionReport> {
    return this.memory.compact();
  }

  snapshot(path?: string): Promise<S.SnapshotReport> {
    return this.memory.snapshot(path);
  }

  async close(): Promise<void> {
    while (this.heldCount > 0) this.answer();
    await this.memory.close();
  }

  #change<O extends S.Outcome>(make: () => O): Promise<O> {
    const made = make();
    const status = this.nextStatus ?? made.status;
    this.nextStatus = undefined;
    return this.#later(() => ({ ...made, status, after: 0 }));
  }

  #later<T>(value: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve) => {
      const settle = (): void => resolve(value());
      if (this.#holds) this.#held.push(settle);
      else setImmediate(settle);
    });
  }
}
