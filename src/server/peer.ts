// The two addresses of a connection and how long it has been silent, as `stats conns` prints them.

import type { Socket } from 'node:net';

/** A client of a unix socket has no address of its own: it is shown with the socket's. */
export function addressOf(
  { remoteAddress, remotePort, remoteFamily }: Socket,
  listenAddress: string,
): { readonly address: string; readonly listenAddress: string } {
  if (remoteAddress === undefined) return { address: listenAddress, listenAddress };
  const host = remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress;
  return { address: `tcp:${host}:${remotePort}`, listenAddress };
}

/** As memcached shows it, which counts ticks of a clock of seconds: a second that has begun counts. */
export function idleSecondsOf(silenceMs: number): number {
  return Math.ceil(silenceMs / 1000);
}
