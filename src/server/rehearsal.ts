// The rehearsal of a start: before a new store is made, it tries all that a server needs besides the store. So a server
// that cannot start leaves nothing in a new directory. With an existing store, the start itself finds such failures.

import { once } from 'node:events';
import type { Socket } from 'node:net';

import { tlsModeOf } from '../config/addresses.js';
import type { Config, Endpoint } from '../config/config.js';
import type { Env } from '../env/env.js';
import { listenAll, plainServer, type Door, type ServerMaker } from './listeners.js';
import { Users } from './users.js';

/** Closes every client that connects during the rehearsal. */
const SHUT: Door = {
  accept: (socket: Socket) => void socket.destroy(),
  begin: () => undefined,
  handshakeFailed: () => undefined,
};

/** Tries users, certificates and addresses. Throws as Server does: ListenError, KV_BAD_OPTION, KV_NO_PERMISSION. */
export async function rehearse(config: Config, env: Pick<Env, 'logger' | 'clock'>): Promise<void> {
  const { endpoints, backlog, authFile, tls } = config;
  if (authFile !== undefined) void new Users(authFile);
  const secure =
    tls === undefined ? undefined : new (await import('./tls.js')).TlsListeners(tls, env);
  const makerOf = (endpoint: Endpoint): ServerMaker => {
    const mode = tlsModeOf(endpoint, tls);
    return mode === 'none' || secure === undefined ? plainServer : secure.makerOf(mode);
  };
  for (const { server } of await listenAll(endpoints, backlog, () => SHUT, makerOf)) {
    server.close();
    await once(server, 'close');
  }
}
