// The listening sockets: TCP, unix and the plain port, the permissions of the unix socket, and the file from which test
// suites read the chosen ports.

import dns from 'node:dns';
import net from 'node:net';

import type { Endpoint } from '../config/config.js';
import type { Env, Fs } from '../env/env.js';
import { adoptNamed } from '../env/adopt.js';
import { OutputFile, placeOfOutput } from '../env/output-file.js';
import { requireWholeSocketPath } from '../env/socket-path.js';
import { refuseStoreFile } from '../log/segments/store-file.js';
import { failureText, isKvError, systemCode } from '../errors.js';
import { ListenError } from './errors.js';
import { lending } from './lending-socket.js';
import { isHomelessSocket, removeStaleSocket, shutSocket } from '../env/stale-socket.js';

const KEEP_ALIVE_DELAY_MS = 60_000;

/** Takes the sockets of one listener. */
export interface Door {
  /** Takes a client that is ready to be served. */
  accept(socket: net.Socket): void;
  /** Takes a client that needs a TLS handshake first; the caller accepts it by the result. Undefined: refused. */
  begin(socket: net.Socket): HandshakeDoor | undefined;
  /** Counts a handshake that failed. */
  handshakeFailed(): void;
}

export interface HandshakeDoor {
  /** `secure` is the TLS socket over the socket of begin(). */
  accept(secure: net.Socket): void;
}

/** Makes the door of a listener; `address` returns the address that was really bound. */
type DoorMaker = (endpoint: Endpoint, address: () => string) => Door;

/** Makes the server object of an endpoint: plain sockets, or TLS (tls.ts). */
export type ServerMaker = (options: net.ServerOpts, door: Door) => net.Server;

/** Makes a server of plain sockets. A socket reads nothing before it has become a lending socket. */
export const plainServer: ServerMaker = (options, door) =>
  net.createServer({ ...options, pauseOnConnect: true }, (socket) => door.accept(lending(socket)));

export interface Listener {
  readonly endpoint: Endpoint;
  readonly server: net.Server;
  /** `127.0.0.1:11211`, or the path. */
  readonly address: string;
}

/**
 * Listens on all endpoints. If one fails, closes the others and throws ListenError, or for a unix socket
 * KV_NO_PERMISSION or KV_BAD_OPTION. Leaves out those addresses of a name that this machine does not have.
 */
export async function listenAll(
  endpoints: readonly Endpoint[],
  backlog: number,
  doorOf: DoorMaker,
  makerOf: (endpoint: Endpoint) => ServerMaker,
): Promise<readonly Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const endpoint of endpoints) {
      const places = await placesOf(endpoint);
      let lacking: unknown;
      let count = 0;
      for (const place of places) {
        try {
          listeners.push(await listen(place, backlog, doorOf, makerOf(place)));
          count += 1;
        } catch (error) {
          if (places.length === 1 || !isLackOfAddress(error)) throw error;
          lacking = error;
        }
      }
      if (count === 0) throw lacking;
    }
    return listeners;
  } catch (error) {
    for (const { server } of listeners) server.close();
    throw error;
  }
}

/** Looks up a name as memcached does: `localhost` is 127.0.0.1 and ::1. */
async function placesOf(endpoint: Endpoint): Promise<readonly Endpoint[]> {
  if (endpoint.kind === 'unix' || endpoint.host === '*' || net.isIP(endpoint.host) !== 0)
    return [endpoint];
  try {
    const found = await dns.promises.lookup(endpoint.host, { all: true, verbatim: false });
    const hosts = new Set(found.map(({ address }) => address));
    return [...hosts].map((host) => ({ ...endpoint, host }));
  } catch (error) {
    throw new ListenError(addressText(endpoint), error);
  }
}

function isLackOfAddress(error: unknown): boolean {
  if (!(error instanceof ListenError)) return false;
  return ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(systemCode(error.cause) ?? '');
}

async function listen(
  endpoint: Endpoint,
  backlog: number,
  doorOf: DoorMaker,
  make: ServerMaker,
): Promise<Listener> {
  const options = {
    // A connection goes on after the end of the client's input, because replies may still wait.
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
  };
  let address = addressText(endpoint);
  const server = make(
    options,
    doorOf(endpoint, () => address),
  );
  try {
    if (endpoint.kind === 'unix') {
      requireWholeSocketPath(endpoint.path);
      await removeStaleSocket(endpoint.path);
    }
    await started(server, endpoint, backlog);
    if (endpoint.kind === 'unix') adoptNamed(endpoint.path);
  } catch (error) {
    if (isKvError(error)) throw error;
    const shut = endpoint.kind === 'unix' ? shutSocket(endpoint.path, error) : undefined;
    const isHomeless = endpoint.kind === 'unix' && isHomelessSocket(endpoint.path);
    throw shut ?? new ListenError(address, isHomeless ? 'there is no such directory' : error);
  }
  const bound = server.address();
  if (typeof bound === 'object' && bound !== null) address = hostPort(bound.address, bound.port);
  return { endpoint, server, address };
}

function started(server: net.Server, endpoint: Endpoint, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const done = (): void => {
      server.off('error', reject);
      resolve();
    };
    if (endpoint.kind === 'tcp') {
      const { host, port } = endpoint;
      // As with memcached, an IPv6 socket takes IPv6 only, so that `0.0.0.0,::` is no conflict.
      const place = host === '*' ? { host: '::' } : { host, ipv6Only: net.isIPv6(host) };
      server.listen({ ...place, port, backlog }, done);
      return;
    }
    // This call makes the socket file. With the mask, the file never allows more access than `mode`.
    const before = process.umask(0o777 & ~endpoint.mode);
    try {
      server.listen({ path: endpoint.path, backlog }, done);
    } finally {
      process.umask(before);
    }
  });
}

/**
 * Writes the ports in memcached's format. The file appears whole, because readers poll for it. As with memcached, a file
 * that cannot be written is a warning. Throws KV_BAD_OPTION for a file of a store, a directory or a socket.
 */
export async function writePortFile(
  { fs, logger }: Pick<Env, 'fs' | 'logger'>,
  path: string,
  listeners: readonly Listener[],
): Promise<void> {
  const lines = listeners.flatMap(({ server }) => {
    const bound = server.address();
    if (typeof bound !== 'object' || bound === null) return [];
    return [`TCP ${bound.family === 'IPv6' ? 'INET6' : 'INET'}: ${bound.port}\n`];
  });
  try {
    await writeOutput(fs, path, Buffer.from(lines.join('')));
  } catch (error) {
    if (isKvError(error, 'KV_BAD_OPTION') || systemCode(error) === undefined) throw error;
    const what = 'The port file (MEMCACHED_PORT_FILENAME) could not be written';
    logger.warn(`${what}: ${failureText(error)}`, { path });
  }
}

async function writeOutput(fs: Fs, path: string, bytes: Buffer): Promise<void> {
  const place = await placeOfOutput(path);
  if (place.kind !== 'stream' && place.path !== undefined) await refuseStoreFile(fs, place.path);
  const output = await OutputFile.open(place, fs.unique());
  try {
    await output.write(bytes);
  } catch (error) {
    await output.abandon();
    throw error;
  }
  await output.finish();
}

function addressText(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : hostPort(endpoint.host, endpoint.port);
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
