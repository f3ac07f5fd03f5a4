// Loads into a data directory that no server has open: through the engine itself, which holds the lock.

import type { Env } from '../../src/env/env.js';
import { KvError } from '../../src/errors.js';
import { quotedKey } from '../../src/printable.js';
import { storeExpiryOf } from '../../src/store/expiry.js';
import { openStore } from '../../src/store/open-store.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import type { Store } from '../../src/store/store.js';
import type { LoadTarget } from './load-target.js';

export class StoreTarget implements LoadTarget {
  readonly loss = undefined;
  stored = 0;
  readonly #store: Store;
  #failure: KvError | undefined;
  #wake: () => void = () => {};

  private constructor(store: Store) {
    this.#store = store;
    store.durability.onDurable(() => this.#wake());
    store.durability.onFailed((cause) => {
      this.#failure =
        cause === 'no-space'
          ? new KvError('KV_NO_SPACE', 'The disk is full')
          : new KvError('KV_POISONED', 'A write to the data directory failed');
      this.#wake();
    });
  }

  /** Opens or creates the store. Throws KV_LOCKED while a server has it. */
  static async open(env: Env, dir: string, acceptClock: boolean): Promise<StoreTarget> {
    await env.fs.makeDir(dir);
    return new StoreTarget(await openStore(env, dir, { snapshot: 'never', acceptClock }));
  }

  nowMs(): number {
    return this.#store.nowMs() - this.#store.clockAheadMs;
  }

  async put(entry: SnapshotEntry, place: string): Promise<void> {
    const { key, value, flags, expiresAt, cas } = entry;
    const chosenCas = cas === 0n ? undefined : cas;
    const { status } = await this.#store.put({
      mode: 'set',
      key,
      value,
      flags,
      expiresAt: storeExpiryOf(expiresAt, this.#store),
      chosenCas,
    });
    if (status !== 'stored') {
      const what = `${place}: key ${quotedKey(key)} could not be stored: ${status}`;
      throw this.#failure ?? new KvError('KV_IO', what);
    }
    this.stored += 1;
    while (this.#store.durability.congested) await this.#turn();
  }

  async finish(): Promise<void> {
    while (this.#store.durability.watermark < this.#store.durability.lastSeq) await this.#turn();
    if (this.#failure !== undefined) throw this.#failure;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Resolves when the next commit has ended, well or badly. */
  async #turn(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
