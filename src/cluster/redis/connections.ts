// Connections to the nodes. ioredis is loaded when the first store over Redis is opened.
//
// Invariants: a connection that ends stays ended, and nothing is sent twice: its owner opens another. No message contains a
// password.

import { isIP, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { Redis, RedisOptions } from 'ioredis';

import type { Clock } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';

/** Certificates in PEM. */
interface Certificates {
  /** Certificates of the authorities that signed the nodes' ones; by default those that Node knows. */
  readonly ca?: Buffer | undefined;
  /** This server's own certificate, where the nodes want one from their clients. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface RedisLogin {
  /** Undefined: no TLS. */
  readonly tls?: Certificates | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** Connects to host:port. Resolves when the node has taken the login; rejects with the failure. */
export type Connect = (host: string) => Promise<Redis>;

const CONNECT_MS_MAX = 1500;

/** Loads ioredis. Throws KV_BAD_OPTION when the package is missing. */
export async function connector(login: RedisLogin, clock: Clock): Promise<Connect> {
  const Client = await loadClient();
  return async (host) => {
    const redis = new Client(optionsOf(host, login));
    // connect() reports only that the connection is closed.
    let cause: unknown;
    redis.on('error', (error: unknown) => {
      cause ??= error;
    });
    // The kernel accepts connections for a process that stands still, and then no answer comes.
    const timer = clock.setTimer(CONNECT_MS_MAX, () => {
      cause ??= new Error(`It does not answer within ${CONNECT_MS_MAX} ms`);
      cut(redis);
    });
    try {
      await redis.connect();
      return redis;
    } catch (error: unknown) {
      redis.disconnect();
      throw cause ?? error;
    } finally {
      timer.cancel();
    }
  };
}

async function loadClient(): Promise<new (options: RedisOptions) => Redis> {
  try {
    return (await import('ioredis')).Redis;
  } catch (error: unknown) {
    if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message =
      'A store over Redis needs the package ioredis beside cairn-kv: npm install ioredis@6 (-g, if cairn-kv is global)';
    throw new KvError('KV_BAD_OPTION', message, { cause: error });
  }
}

/** Ends a connection even when the other side does not answer. Requests that have not arrived yet never arrive. */
export function cut(redis: Redis): void {
  // There is no stream before the host's name is resolved.
  const stream = redis.stream as Redis['stream'] | undefined;
  // A socket that is only closed goes on sending what it has, for minutes. One under TLS cannot be reset.
  if (stream instanceof Socket && !(stream instanceof TLSSocket)) stream.resetAndDestroy();
  redis.disconnect();
  stream?.destroy();
}

function optionsOf(place: string, { tls, user, password }: RedisLogin): RedisOptions {
  const colon = place.lastIndexOf(':');
  const host = place.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: Number(place.slice(colon + 1)),
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: isIP(host) === 0 ? { ...tls, servername: host } : tls }),
    // Every version of Redis, Valkey and Kvrocks speaks this one.
    protocol: 2,
    connectionName: 'cairn',
    lazyConnect: true,
    connectTimeout: CONNECT_MS_MAX,
    // The check asks for INFO, which not every user may do, and waits while a node loads; LOADING is an answer here.
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  };
}
