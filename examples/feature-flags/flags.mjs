// Feature flags in a store inside this process, with a cache of all of them. The cache is fed by the store's change feed,
// so a question costs no read and no promise.
//
// Invariants: the cache tells only what is on disk, because the feed does. Every change reaches it, whoever made it:
// this class, an expiry, or other code that uses the store.

import { EventEmitter } from 'node:events';
import { isKvError, open } from 'cairn-kv';
import { bucketOf } from './rollout.mjs';

const PREFIX = 'flag:';

/** Emits `change` (name, percent; undefined when the flag is gone), and `error` when changes cannot be followed. */
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

  async remove(name) {
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
    this.#percents.clear();
    for await (const { key } of this.#store.scan(PREFIX)) {
      const entry = await this.#store.get(key);
      if (entry) this.#percents.set(nameOf(key), Number(entry.value));
    }
    return seq;
  }

  async #follow(after) {
    const options = { prefix: PREFIX, values: true, signal: this.#closing.signal };
    for (let seq = after; !this.#closing.signal.aborted; seq = await this.#load()) {
      try {
        for await (const change of this.#store.changes({ ...options, after: seq })) {
          this.#apply(change);
        }
      } catch (error) {
        // Compaction was faster than this loop: read all flags again, and go on from there.
        if (!isKvError(error, 'KV_TOO_OLD')) throw error;
      }
    }
  }

  #apply({ type, key, value, expiresAt }) {
    if (type === 'put') this.#tell(nameOf(key), Number(value));
    else if (type === 'delete') this.#tell(nameOf(key), undefined);
    else if (type === 'delete_prefix' || (type === 'flush' && expiresAt === 0)) {
      // Of a flush the key is empty: every key begins with it.
      const gone = [...this.#percents.keys()].filter((name) => `${PREFIX}${name}`.startsWith(key));
      for (const name of gone) this.#tell(name, undefined);
    }
  }

  #tell(name, percent) {
    if (percent === undefined) this.#percents.delete(name);
    else this.#percents.set(name, percent);
    this.emit('change', name, percent);
  }
}

function nameOf(key) {
  return key.toString().slice(PREFIX.length);
}
