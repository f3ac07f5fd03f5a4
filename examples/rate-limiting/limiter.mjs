// A limit on requests per client and window. The counters are in Cairn, so all processes of a service share them.
//
// Invariants: each request gets a number of its own from `incr`, so exactly `limit` requests of a window pass, however
// many come at the same time. The counter and its end are on disk: a crash gives nobody a new allowance.

import { createHash } from 'node:crypto';
import { MemcacheClient } from 'memcache-client';

/** Tries before the limiter gives up. A try fails when its counter ends between two commands. */
const TRIES = 5;

export class Limiter {
  #client;
  #limit;
  #windowS;

  /** `server`: host:port. A window lasts `windowS` seconds (at most 30 days) and begins with its first request. */
  constructor({ server, limit, windowS }) {
    this.#client = new MemcacheClient({ server, cmdTimeout: 2000 });
    this.#limit = limit;
    this.#windowS = windowS;
  }

  /** Counts a request of `client`, and resolves to whether it may pass. Rejects when the store does not answer. */
  async hit(client) {
    const key = keyOf(client);
    for (let i = 0; i < TRIES; i++) {
      const count = (await this.#incremented(key)) ?? (await this.#begun(key));
      if (count === undefined) continue;
      return { passes: count <= this.#limit, remaining: Math.max(0, this.#limit - count) };
    }
    throw new Error(`The counter ${key} ended ${TRIES} times while it was asked for`);
  }

  close() {
    this.#client.shutdown();
  }

  /** The number of this request, or undefined when no window runs. */
  async #incremented(key) {
    const count = await unless('NOT_FOUND', this.#client.incr(key, 1));
    return count === undefined ? undefined : Number(count);
  }

  /** Begins a window with this request. Undefined when another request has begun it: then this one is counted there. */
  async #begun(key) {
    const options = { lifetime: this.#windowS };
    const stored = await unless('NOT_STORED', this.#client.add(key, '1', options));
    return stored === undefined ? undefined : 1;
  }
}

/** A client may call itself anything: the hash has no spaces and is short enough for a key. */
function keyOf(client) {
  return `rate:${createHash('sha256').update(client).digest('base64url')}`;
}

/** The client library rejects with an Error for answers such as NOT_FOUND. This one is an outcome: undefined. */
async function unless(answer, promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.message === answer) return undefined;
    throw error;
  }
}
