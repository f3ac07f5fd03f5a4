// A store on a simulated machine for a test of one part: it is opened, ended and opened again in one line each.
// `words` has the short words of the conformance suite; `process` and `world` reach beneath the store.

import { openStore } from '../../src/store/open-store.js';
import type { DurableStore } from '../../src/store/durable-store.js';
import type { StoreOptions } from '../../src/store/options.js';
import type { Maybe } from '../../src/store/store.js';
import { Subject, type StoreFixture } from '../conformance/subject.js';
import { DIR } from '../sim/engine.js';
import type { OperationKind } from '../sim/fault-plan.js';
import { unwrap } from '../sim/recovery-check.js';
import type { CrashStyle } from '../sim/power-loss.js';
import { SimWorld, type SimProcess } from '../sim/sim-world.js';

export class SimStore implements StoreFixture {
  readonly world: SimWorld;
  readonly words: Subject;
  readonly #options: Partial<StoreOptions>;
  process: SimProcess;
  store: DurableStore;

  private constructor(
    world: SimWorld,
    options: Partial<StoreOptions>,
    process: SimProcess,
    store: DurableStore,
  ) {
    this.world = world;
    this.#options = options;
    this.process = process;
    this.store = store;
    this.words = new Subject(this);
  }

  static async open(options: Partial<StoreOptions> = {}, seed = 1): Promise<SimStore> {
    const world = new SimWorld(seed);
    world.disk.makeDir(DIR);
    const process = world.boot();
    const store = await settle(world, openStore(process, DIR, options));
    return new SimStore(world, options, process, store);
  }

  wait<T>(promise: Maybe<T>): Promise<T> {
    return settle(this.world, promise);
  }

  async advance(delayMs: number): Promise<void> {
    unwrap(await this.world.scheduler.advance(delayMs), 'wait');
  }

  /** Opens the store again after an orderly stop, a kill, or a power loss of that style. */
  async reopen(
    how: 'close' | 'kill' | CrashStyle = 'close',
    options = this.#options,
  ): Promise<void> {
    if (how === 'close') await this.close();
    else if (how === 'kill') this.world.kill();
    else this.world.losePower(how);
    this.process = this.world.boot();
    this.store = await this.wait(openStore(this.process, DIR, options));
  }

  close(): Promise<void> {
    return this.wait(this.store.close());
  }

  stat(name: string): number {
    return Number(this.store.stats().get(name));
  }

  /** From now on operations of `kind` take twice `delayMs`, and all others almost no time. */
  slow(kind: OperationKind, delayMs: number): void {
    this.world.latencyMs = (each) => (each === kind ? delayMs : 0.05);
  }

  /** Returns the names in the data directory with this ending, sorted. */
  names(ending: string): string[] {
    return (this.world.disk.list(DIR) ?? []).filter((name) => name.endsWith(ending)).sort();
  }

  /** Returns every key and its value as a client reads them. */
  async contents(): Promise<Record<string, string | undefined>> {
    const found: Record<string, string | undefined> = {};
    for (const { key } of await this.words.listAll(100)) {
      found[key.toString()] = await this.words.value(key.toString());
    }
    return found;
  }
}

/** Returns the promise's value, or the error that it was rejected with; simulated time passes meanwhile. */
export async function settle<T>(world: SimWorld, promise: Maybe<T>): Promise<T> {
  const settled = await world.scheduler.settle(promise);
  if (settled.kind === 'error') throw settled.error;
  return unwrap(settled, 'call');
}
