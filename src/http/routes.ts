// Routes of the HTTP listener: which path is answered by whom, and who may ask for it (guard.ts).

import type { Exchange } from './exchange.js';

/**
 * - `shell`: it holds no data. A browser cannot send the token when it goes to an address, so nobody needs it.
 * - `watch`: how the server does. Free on its machine, with the token from elsewhere.
 * - `data`: keys and values, and what acts. The same; where clients log in, the token is needed on its machine as well.
 */
export type Access = 'shell' | 'watch' | 'data';

export interface Route {
  /** GET answers HEAD too. Only a POST has a body (body.ts). */
  readonly method: 'GET' | 'POST';
  readonly access: Access;
  /** Throws KvError for what the world did wrong. */
  readonly answer: (exchange: Exchange) => void | Promise<void>;
}

/** By the whole path. */
export type Routes = ReadonlyMap<string, Route>;
