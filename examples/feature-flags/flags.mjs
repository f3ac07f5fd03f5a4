// Feature flags in a store inside this process, with a cache of all of them that is fed by the store's change feed.
// Invariants: the cache tells only what is on disk, because the feed does. Every change reaches it, also an expiry.

import { EventEmitter } from 'node:events';
import { isKvError, open } from 'cairn-kv';
import { bucketOf } from './rollout.mjs';

const PREFIX = 'flag:';

/** Emits `change` (name, percent; undefined: the flag is gone), and `error` when changes cannot be followed. */
export class Flags extends EventEmitter {
  #store;
  /** Name → percentage of the users for whom the flag is on. */
  #percents = new Map();
  #closing = new AbortController();
  #following = Promise.resolve();

  constructor(store) {
    super();
    this.#store = store;
  }

  /** Opens the store in `dir`, and resolves when the cache is full. One process may have a directory open. */
  static async open(dir) {
    // With `logExpiries` the feed tells when a flag with a lifetime ends.
    const flags = new Flags(await open(dir, { logExpiries: true }));
    const seq = await flags.#load();
    flags.#following = flags.#follow(seq).catch((error) => flags.emit('error', error));
    return flags;
  }

  /** The same answer for the same user, as long as the percentage is the same. */
  isOn(name, user) {
    return bucketOf(name, user) < (this.#percents.get(name) ?? 0);
  }

  all() {
    return Object.fromEntries(this.#percents);
  }

  /** Resolves when the flag is on disk; `change` follows. `ttlMs` 0: until it is changed. */
  async set(name, percent, ttlMs = 0) {
    await this.#store.set(PREFIX + name, String(percent), { ttlMs });
  }

  remove(name) {
    return this.#store.delete(PREFIX + name);
  }

  async close() {
    this.#closing.abort();
    await this.#following;
    await this.#store.close();
  }

  /** Fills the cache. Resolves to a seq: the cache has all changes up to it, and maybe some after it. */
  async #load() {
    const seq = Number(this.#store.stats().get('kv_last_seq'));
    const percents = new Map();
    for await (const { key } of this.#store.scan(PREFIX)) {
      const entry = await this.#store.get(key);
      if (entry) percents.set(key.toString().slice(PREFIX.length), Number(entry.value));
    }
    const names = new Set([...this.#percents.keys(), ...percents.keys()]);
    for (const name of names) this.#keep(name, percents.get(name));
    return seq;
  }

  async #follow(after) {
    const options = { after, prefix: PREFIX, values: true, signal: this.#closing.signal };
    try {
      for await (const change of this.#store.changes(options)) this.#apply(change);
    } catch (error) {
      if (!isKvError(error, 'KV_TOO_OLD')) throw error;
      // Compaction was faster than this loop: read all flags again, and go on from there.
      await this.#follow(await this.#load());
    }
  }

  #apply({ type, key, value, expiresAt }) {
    const text = key.toString();
    const name = text.slice(PREFIX.length);
    if (type === 'put') this.#keep(name, Number(value));
    else if (type === 'delete') this.#keep(name, undefined);
    else if (type === 'delete_prefix' || (type === 'flush' && expiresAt === 0)) {
      // Of a flush the key is empty: every key begins with it.
      const gone = [...this.#percents.keys()].filter((each) => (PREFIX + each).startsWith(text));
      for (const each of gone) this.#keep(each, undefined);
    }
  }

  #keep(name, percent) {
    if (percent === this.#percents.get(name)) return;
    if (percent === undefined) this.#percents.delete(name);
    else this.#percents.set(name, percent);
    this.emit('change', name, percent);
  }
}
