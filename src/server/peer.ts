// The two addresses of a connection, as `stats conns` prints them.

import type { Socket } from 'node:net';

/** A client of a unix socket has no address of its own. */
export function addressOf(
  { remoteAddress, remotePort, remoteFamily }: Socket,
  listenAddress: string,
): { readonly address: string; readonly listenAddress: string | undefined } {
  if (remoteAddress === undefined) return { address: listenAddress, listenAddress: undefined };
  const host = remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress;
  return { address: `tcp:${host}:${remotePort}`, listenAddress };
}
