// A session store of express-session over any server that speaks the memcached protocol. A callback comes without an error
// when the server has acknowledged the change: with Cairn it is on disk then.

import { callbackify } from 'node:util';
import session from 'express-session';
import { MemcacheClient } from 'memcache-client';

export class SessionStore extends session.Store {
  #client;
  #lifetimeS;

  /** `server`: host:port. A session ends when it was not used for `lifetimeS` seconds, at most 30 days. */
  constructor({ server, lifetimeS }) {
    super();
    // The client connects again by itself. A command that gets no answer is an error after two seconds.
    this.#client = new MemcacheClient({ server, cmdTimeout: 2000, lifetime: lifetimeS });
    this.#lifetimeS = lifetimeS;
  }

  get(id, done) {
    answer(async () => (await this.#client.get(keyOf(id)))?.value, done);
  }

  set(id, data, done) {
    answer(() => this.#client.set(keyOf(id), data), done);
  }

  /** Changes the lifetime alone: writing the session again could put an old one over a newer one. */
  touch(id, _data, done) {
    answer(() => unlessMissing(this.#client.touch(keyOf(id), this.#lifetimeS)), done);
  }

  destroy(id, done) {
    answer(() => unlessMissing(this.#client.delete(keyOf(id))), done);
  }
}

/** The id comes out of a signed cookie, so it is one that express-session made. */
function keyOf(id) {
  return `session:${id}`;
}

function answer(action, done = () => undefined) {
  callbackify(action)(done);
}

/** A session that is gone already needs no end, and no new lifetime. */
async function unlessMissing(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.message === 'NOT_FOUND') return undefined;
    throw error;
  }
}
