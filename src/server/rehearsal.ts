// The rehearsal of a start: it tries what a server needs beside its store before the store is made, so that a server that
// cannot come up leaves nothing in a new directory. Where a store is, the start itself finds out.

import { once } from 'node:events';
import type { Socket } from 'node:net';

import { tlsModeOf } from '../config/addresses.js';
import type { Config, Endpoint } from '../config/config.js';
import type { Env } from '../env/env.js';
import { listenAll, plainServer, type Door, type ServerMaker } from './listeners.js';
import { Users } from './users.js';

/** Who comes in so early is sent away. */
const SHUT: Door = {
  accept: (socket: Socket) => void socket.destroy(),
  begin: () => undefined,
  handshakeFailed: () => undefined,
};

/** Throws what Server would: ListenError, KV_BAD_OPTION, KV_NO_PERMISSION. */
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
