// The topology of a Redis cluster as CLUSTER SLOTS tells it: which master serves which slots, and who follows it.

import { SLOT_COUNT } from './slots.js';

export interface ShardNodes {
  /** host:port; the same shard has another one after a failover. */
  readonly master: string;
  readonly replicas: readonly string[];
  /** Both ends inclusive. */
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** `asker`: host:port that answered; nodes that do not know their own name have its host. */
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

/** How many slots nobody serves. */
export function unservedSlots(shards: readonly ShardNodes[]): number {
  const served = shards.flatMap(({ ranges }) => ranges.map(([first, last]) => last - first + 1));
  return SLOT_COUNT - served.reduce((sum, count) => sum + count, 0);
}

/** IPv6 without brackets, as Redis writes it: the last colon is before the port. */
function placeOf(node: readonly unknown[], asker: string): string {
  const [name, port] = node;
  const isNamed = typeof name === 'string' && name !== '';
  return `${isNamed ? name : asker.slice(0, asker.lastIndexOf(':'))}:${Number(port)}`;
}
