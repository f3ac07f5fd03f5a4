// The two addresses of a connection and how long it has been silent, as `stats conns` prints them.

import type { Socket } from 'node:net';

type Remote = Pick<Socket, 'remoteAddress' | 'remotePort' | 'remoteFamily'>;

/** A client of a unix socket has no address of its own: it is shown with the socket's. */
export function addressOf(
  { remoteAddress, remotePort, remoteFamily }: Remote,
  listenAddress: string,
): { readonly address: string; readonly listenAddress: string } {
  const remote = remoteOf({ remoteAddress, remotePort, remoteFamily });
  return { address: remote === undefined ? listenAddress : `tcp:${remote}`, listenAddress };
}

/** Undefined: the client of a unix socket. */
export function remoteOf({ remoteAddress, remotePort, remoteFamily }: Remote): string | undefined {
  if (remoteAddress === undefined) return undefined;
  const host = remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress;
  return `${host}:${remotePort}`;
}

/** As memcached shows it, which counts ticks of a clock of seconds: a second that has begun counts. */
export function idleSecondsOf(silenceMs: number): number {
  return Math.ceil(silenceMs / 1000);
}
