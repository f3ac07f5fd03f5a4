// Topology of a Redis cluster, from CLUSTER SLOTS: the slots of each master, and its replicas.

import { SLOT_COUNT } from './slots.js';

export interface ShardNodes {
  /** host:port of the master, which changes with a failover. */
  readonly master: string;
  readonly replicas: readonly string[];
  /** Ranges of slots; both ends belong to them. */
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** Parses the reply. `asker`: host:port that answered, whose host stands for nodes that do not know their own name. */
export function parseSlots(reply: unknown, asker: string): readonly ShardNodes[] {
  const shards = new Map<string, { replicas: string[]; ranges: [number, number][] }>();
  for (const range of reply as readonly [number, number, ...unknown[][]][]) {
    const [first, last, ...nodes] = range;
    const [master, ...replicas] = nodes.map((node) => placeOf(node, asker));
    if (master === undefined) continue;
    const shard = shards.get(master) ?? { replicas, ranges: [] };
    shard.ranges.push([first, last]);
    shards.set(master, shard);
  }
  return [...shards].map(([master, { replicas, ranges }]) => ({ master, replicas, ranges }));
}

/** Number of slots that no master serves. */
export function unservedSlots(shards: readonly ShardNodes[]): number {
  const served = shards.flatMap(({ ranges }) => ranges.map(([first, last]) => last - first + 1));
  return SLOT_COUNT - served.reduce((sum, count) => sum + count, 0);
}

/** Splits host and port. Redis writes IPv6 addresses without brackets: the last colon is the one before the port. */
function placeOf(node: readonly unknown[], asker: string): string {
  const [name, port] = node;
  const isNamed = typeof name === 'string' && name !== '';
  return `${isNamed ? name : asker.slice(0, asker.lastIndexOf(':'))}:${Number(port)}`;
}
