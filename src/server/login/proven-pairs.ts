// Proven pairs of user and password: remembers the pairs that were right, so that clients that connect for every
// page (PHP's) do not cost a hash each time.
// Invariants: a pair is kept as an HMAC under a key of this process, from which no password can be found. The
// number is bounded, and the least recently used pair goes first. clear() forgets all pairs when the
// users are read again. A wrong pair is never kept.

import { createHmac, randomBytes } from 'node:crypto';

const PAIRS_MAX = 1000;
const KEY_BYTES = 32;

export class ProvenPairs {
  readonly #key = randomBytes(KEY_BYTES);
  readonly #pairs = new Set<string>();

  get size(): number {
    return this.#pairs.size;
  }

  /** Returns the pair's name, which only equal pairs share. */
  nameOf(user: Uint8Array, password: Uint8Array): string {
    // The length keeps "ab" + "c" and "a" + "bc" apart.
    const hmac = createHmac('sha256', this.#key).update(`${user.length}:`);
    return hmac.update(user).update(password).digest('base64');
  }

  has(name: string): boolean {
    if (!this.#pairs.delete(name)) return false;
    this.#pairs.add(name);
    return true;
  }

  add(name: string): void {
    this.#pairs.delete(name);
    this.#pairs.add(name);
    if (this.#pairs.size <= PAIRS_MAX) return;
    const [oldest = ''] = this.#pairs;
    this.#pairs.delete(oldest);
  }

  clear(): void {
    this.#pairs.clear();
  }
}
