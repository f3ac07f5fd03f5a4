// The records of the queue: JSON values in Cairn that change by `add`, `cas` and `incr` alone. A change has happened, and
// is on disk, when its promise resolves to true; false says that somebody else was first.

import { MemcacheClient } from 'memcache-client';

export class Records {
  #client;

  /** `server`: host:port. The client connects again by itself after the server was away. */
  constructor(server) {
    this.#client = new MemcacheClient({ server, cmdTimeout: 2000 });
  }

  /** The value of a record and the token of this version of it, or undefined. */
  async read(name) {
    const found = await this.#client.gets(`jobs:${name}`);
    return found && { value: found.value, token: found.casUniq };
  }

  /** Makes a record that lives for ever. False: there is one of this name. */
  add(name, value) {
    return unless('NOT_STORED', this.#client.add(`jobs:${name}`, value, { lifetime: 0 }));
  }

  /** Replaces the version that has this token. False: it has been replaced. `lifetime` is in seconds, 0 for ever. */
  swap(name, value, token, lifetime = 0) {
    return unless('EXISTS', this.#client.cas(`jobs:${name}`, value, { casUniq: token, lifetime }));
  }

  /** The next number of a counter, which begins with 1. Nobody else gets the same. */
  async next(name) {
    await this.add(name, 0);
    return Number(await this.#client.incr(`jobs:${name}`, 1));
  }

  close() {
    this.#client.shutdown();
  }
}

/** The client library rejects with an Error for answers such as EXISTS. This one is an outcome: false. */
async function unless(answer, promise) {
  try {
    await promise;
    return true;
  } catch (error) {
    if (error.message === answer) return false;
    throw error;
  }
}
