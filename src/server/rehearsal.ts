// The rehearsal of a start: it tries what a server needs beside its store before the store is made, so that a server that
// cannot come up leaves nothing in a new directory. Where a store is, the start itself finds out.

import { once } from 'node:events';
import type { Socket } from 'node:net';

import type { Config } from '../config/config.js';
import type { Logger } from '../env/env.js';
import { listenAll, plainServer, type Door } from './listeners.js';
import { Users } from './users.js';

/** Who comes in so early is sent away. */
const SHUT: Door = {
  accept: (socket: Socket) => void socket.destroy(),
  begin: () => undefined,
  handshakeFailed: () => undefined,
};

/** Throws what Server would: ListenError, KV_BAD_OPTION, KV_NO_PERMISSION. */
export async function rehearse(config: Config, logger: Logger): Promise<void> {
  const { endpoints, backlog, authFile, tls } = config;
  if (authFile !== undefined) void new Users(authFile);
  const make =
    tls === undefined ? plainServer : new (await import('./tls.js')).TlsListeners(tls, logger).make;
  for (const { server } of await listenAll(endpoints, backlog, () => SHUT, make)) {
    server.close();
    await once(server, 'close');
  }
}
