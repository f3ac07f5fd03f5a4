// Loopback port: where the small servers inside a test listen.

import { once } from 'node:events';
import type net from 'node:net';

/** Makes the server listen on a free port of the loopback, and resolves to the port. */
export async function listenOnLoopback(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}
