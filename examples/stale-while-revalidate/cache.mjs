// A cache whose values are recomputed by one client at a time, while all others get the value that there is.
//
// `mg` does the work: with N a miss makes an empty item, and with R an item that ends soon is worth a new value. In both
// cases, and when the item was marked as stale, one client gets the flag W: it recomputes. Others get the flag Z.

import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MetaClient } from './meta-client.mjs';

/** Time for which an empty item waits for its winner. When the winner has died, another client wins after this time. */
const WIN_S = 20;
const PAUSE_MS = 50;

export class Cache {
  #client;
  #lifetimeS;
  #refreshS;

  /** Values live for `lifetimeS`, and are recomputed at the first request of their last `refreshS` seconds. */
  constructor({ server, lifetimeS, refreshS }) {
    this.#client = new MetaClient(server);
    this.#lifetimeS = lifetimeS;
    this.#refreshS = refreshS;
  }

  /**
   * Resolves to the value of `name` as a Buffer, and to how it was found: `fresh`, `stale` or `computed`. `compute` resolves
   * to a new value, in less than WIN_S. Its error on a miss is an error of `get`.
   */
  async get(name, compute) {
    const key = keyOf(name);
    for (;;) {
      const { value, flags } = await this.#client.send(
        `mg ${key} c v N${WIN_S} R${this.#refreshS}`,
      );
      // Only an item that `mg` has just made is empty and has a winner.
      const isMiss = value.length === 0 && (flags.has('W') || flags.has('Z'));
      if (flags.has('W')) {
        const computed = this.#renew(key, flags.get('c'), isMiss, compute);
        if (isMiss) return { value: await computed, how: 'computed' };
        computed.catch((error) => console.error(`${name} stays as it is: ${error.message}`));
      }
      if (!isMiss) {
        const isStale = ['W', 'X', 'Z'].some((flag) => flags.has(flag));
        return { value, how: isStale ? 'stale' : 'fresh' };
      }
      // The winner of this item is at work.
      await delay(PAUSE_MS);
    }
  }

  /** Marks the value as stale: the next client recomputes it, the others get it for `staleS` seconds at most. */
  async invalidate(name, staleS = 30) {
    await this.#client.send(`md ${keyOf(name)} I T${staleS}`);
  }

  close() {
    this.#client.close();
  }

  async #renew(key, token, isMiss, compute) {
    try {
      const value = await compute();
      // With C and I a value that was computed before an invalidation is stored as stale: somebody else wins again.
      await this.#client.send(`ms ${key} ${value.length} T${this.#lifetimeS} C${token} I`, value);
      return value;
    } catch (error) {
      // Without the empty item the next client tries at once. A stale value stays until it ends.
      if (isMiss) await this.#client.send(`md ${key} C${token}`);
      throw error;
    }
  }
}

/** A name may be anything: the hash has no spaces and is short enough for a key. */
function keyOf(name) {
  return `swr:${createHash('sha256').update(name).digest('base64url')}`;
}
