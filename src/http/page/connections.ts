// The connections that `stats conns` lists, for the page, as many as a page shows.

import type { Exchange } from '../exchange.js';
import type { Serving } from './serving.js';
import type { ConnectionList, ConnectionView } from './wire.js';

/** The list is composed in one turn of the loop. */
const LISTED_MAX = 500;

export function listConnections(exchange: Exchange, { server }: Serving): void {
  const connections: ConnectionView[] = [];
  let isCut = false;
  for (const each of server.describeConnections()) {
    isCut = connections.length === LISTED_MAX;
    if (isCut) break;
    const { id, address, listenAddress: listener = '', state, idleSeconds: idle } = each;
    connections.push({ id, address, listener, state, idle });
  }
  exchange.sayJson({ connections, isCut } satisfies ConnectionList);
}
