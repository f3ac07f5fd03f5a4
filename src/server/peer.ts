// The two addresses and the idle time of a connection, in the form of `stats conns`.

import type { Socket } from 'node:net';

type Remote = Pick<Socket, 'remoteAddress' | 'remotePort' | 'remoteFamily'>;

/** Returns both addresses. A client of a unix socket has no address of its own and is shown with the socket's. */
export function addressOf(
  { remoteAddress, remotePort, remoteFamily }: Remote,
  listenAddress: string,
): { readonly address: string; readonly listenAddress: string } {
  const remote = remoteOf({ remoteAddress, remotePort, remoteFamily });
  return { address: remote === undefined ? listenAddress : `tcp:${remote}`, listenAddress };
}

/** Returns the client's address; undefined for the client of a unix socket. */
export function remoteOf({ remoteAddress, remotePort, remoteFamily }: Remote): string | undefined {
  if (remoteAddress === undefined) return undefined;
  const host = remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress;
  return `${host}:${remotePort}`;
}

/** Returns whole seconds. A second that has begun counts, because memcached counts ticks of a clock of seconds. */
export function idleSecondsOf(silenceMs: number): number {
  return Math.ceil(silenceMs / 1000);
}
