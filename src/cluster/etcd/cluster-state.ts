// State of the nodes, for `stats`. It is asked for at intervals, because `stats` answers at once.

import type { Clock, Timer } from '../../env/env.js';
import type { EtcdCalls } from './client.js';
import { EtcdFailure, onlyEtcd } from './failure.js';
import type { StatusResponse } from './messages.js';
import type { Places } from './places.js';

const STATUS_MS = 5000;
const LIMIT_MS = 2000;
/** Rounds between two counts, because a count goes through all keys. */
const COUNT_EVERY = 12;

type Node = { readonly status: StatusResponse } | { readonly failure: string };

export class ClusterState {
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  readonly #places: Places;
  #nodes: readonly (Node | undefined)[] = [];
  #count = 0;
  #rounds = 0;
  #timer: Timer | undefined;
  #isStopped = false;
  #asking: Promise<void> = Promise.resolve();

  constructor(client: EtcdCalls, clock: Clock, places: Places) {
    this.#client = client;
    this.#clock = clock;
    this.#places = places;
  }

  start(): void {
    this.#asking = this.#ask().then(() => {
      if (this.#isStopped) return;
      this.#timer = this.#clock.setTimer(STATUS_MS, () => this.start());
    });
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    return this.#asking;
  }

  /** Lines of `stats`. The state is some seconds old, the number of items up to a minute. */
  lines(): (readonly [name: string, value: number | string])[] {
    const found = this.#nodes.flatMap((node) =>
      node !== undefined && 'status' in node ? [node.status] : [],
    );
    const largest = (of: (status: StatusResponse) => number): number =>
      found.reduce((most, status) => Math.max(most, of(status)), 0);
    const leader = this.#client.hosts.find((_, at) => {
      const node = this.#nodes[at];
      return node !== undefined && 'status' in node && isLeader(node.status);
    });
    // Without a majority there is no leader, and no node that answers knows one.
    const isReachable =
      this.#nodes.length === 0 || found.some((status) => (status.leader ?? 0) !== 0);
    return [
      ['curr_items', this.#count],
      ['kv_cluster_reachable', isReachable ? 1 : 0],
      ['bytes', largest(({ dbSizeInUse = 0 }) => dbSizeInUse)],
      ['kv_etcd_db_bytes', largest(({ dbSize }) => dbSize)],
      ['kv_etcd_quota_bytes', largest(({ dbSizeQuota = 0 }) => dbSizeQuota)],
      ['kv_etcd_revision', largest(({ header }) => header.revision)],
      ['kv_etcd_term', largest(({ raftTerm }) => raftTerm)],
      ['kv_etcd_alarms', [...new Set(found.flatMap(({ errors }) => errors))].join(' ') || 'none'],
      ['kv_etcd_leader', leader ?? 'unknown'],
      ['kv_etcd_nodes_up', found.length],
      ...this.#client.hosts.map((host, at) => {
        const node = this.#nodes[at];
        return [`kv_etcd_node_${host}`, node === undefined ? 'unknown' : stateOf(node)] as const;
      }),
    ];
  }

  async #ask(): Promise<void> {
    this.#nodes = await Promise.all(this.#client.hosts.map((_, at) => this.#node(at)));
    if (this.#rounds % COUNT_EVERY === 0) {
      const count = await this.#client
        .range({ ...this.#places.items, count_only: true }, LIMIT_MS)
        .catch(onlyEtcd);
      if (!(count instanceof EtcdFailure)) this.#count = count.count ?? 0;
    }
    this.#rounds += 1;
  }

  async #node(at: number): Promise<Node> {
    const status = await this.#client.status(at, LIMIT_MS).catch(onlyEtcd);
    return status instanceof EtcdFailure ? { failure: status.message } : { status };
  }
}

function isLeader({ leader, header }: StatusResponse): boolean {
  return leader === header.member_id;
}

function stateOf(node: Node): string {
  if ('failure' in node) return 'unreachable';
  return isLeader(node.status) ? 'leader' : 'follower';
}
