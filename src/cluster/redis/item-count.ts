// Item count: about how many items the cluster has. A request for it starts a count, and gets the result of the one before.

import type { Clock } from '../../env/env.js';
import type { Cluster } from './cluster.js';
import type { SideConnections } from './side-connections.js';

const FRESH_MS = 1000;

export class ItemCount {
  readonly #cluster: Cluster;
  readonly #side: SideConnections;
  readonly #clock: Clock;
  #count = 0;
  #askedMs = -Infinity;

  constructor(cluster: Cluster, side: SideConnections, clock: Clock) {
    this.#cluster = cluster;
    this.#side = side;
    this.#clock = clock;
  }

  /** The result of the last count; a new count begins when it is older than a second. */
  get latest(): number {
    if (this.#clock.monotonicMs() - this.#askedMs > FRESH_MS) void this.refresh();
    return this.#count;
  }

  /** Counts, with the few keys that are the store's own. Masters that do not answer are left out. Never rejects. */
  async refresh(): Promise<void> {
    this.#askedMs = this.#clock.monotonicMs();
    const counts = await Promise.allSettled(
      this.#cluster.masters.map((host) => this.#side.ask(host, (redis) => redis.dbsize())),
    );
    let sum = 0;
    for (const count of counts) if (count.status === 'fulfilled') sum += count.value;
    this.#count = sum;
  }
}
