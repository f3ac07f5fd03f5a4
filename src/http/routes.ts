// Routes of the HTTP listener: the handler of each path, and which clients may ask for it (guard.ts).

import type { Exchange } from './exchange.js';

/**
 * - `shell`: holds no data. A browser cannot send the token when the user enters an address, so no client needs it.
 * - `watch`: the state of the server. Clients on its machine need no token; others do.
 * - `data`: keys and values, and requests that change something. The same holds, but where clients of the server log
 *   in, clients on its machine need the token too.
 */
export type Access = 'shell' | 'watch' | 'data';

export interface Route {
  /** A GET route answers HEAD too. Only a POST has a body (body.ts). */
  readonly method: 'GET' | 'POST';
  readonly access: Access;
  /** Throws KvError for failures of the world. */
  readonly answer: (exchange: Exchange) => void | Promise<void>;
}

/** Routes by the whole path. */
export type Routes = ReadonlyMap<string, Route>;
