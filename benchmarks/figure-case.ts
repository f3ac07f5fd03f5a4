// Cases that measure one figure (bytes, seconds) and not a load: they make rows of servers and budgets.

import type { Bench, Running } from './bench.js';
import type { Peer, PeerSettings } from './peers/peer.js';
import { exchange } from './peers/process.js';
import type { Contender, Row } from './rounds.js';

/** Makes a contender of a target, so that it stands in the table and in the ratios. */
export function budget(value: number, unit: string): Contender {
  return { server: 'budget', unit, measure: async () => ({ value }) };
}

export interface Present {
  readonly present: readonly Peer[];
  readonly missing: readonly Row[];
}

/** Separates peers that can be measured from rows that say why the others cannot. */
export function findPeers(test: string, peers: readonly Peer[]): Present {
  const missing = peers.flatMap((peer): Row[] => {
    const note = peer.missing();
    return note === undefined ? [] : [{ test, server: peer.name, sample: {}, note }];
  });
  return { present: peers.filter((peer) => peer.missing() === undefined), missing };
}

/** Starts a peer and fills it. To save time Redis does not sync while it is filled; its log is the same afterwards. */
export async function startFilled(
  bench: Bench,
  peer: Peer,
  fill: { readonly keyCount: number; readonly valueBytes: number },
  settings: PeerSettings = {},
  dir = bench.freshDir(),
): Promise<Running> {
  const running = await bench.start(peer, settings, dir);
  const { port } = running.process;
  const isRedis = peer.protocol === 'redis';
  if (isRedis) await exchange(port, 'CONFIG SET appendfsync no\r\n');
  await bench.fill(running, fill.keyCount, fill.valueBytes);
  if (isRedis) await exchange(port, 'CONFIG SET appendfsync always\r\n');
  return running;
}
