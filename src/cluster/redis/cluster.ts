// Redis cluster: knows which link serves which slot, through failovers and while slots move.
//
// Invariants:
// - Operations on one key are executed in the order in which they came, also while slots move. The new link of a slot gets
//   operations only when all operations of the old one were answered or forwarded.
// - The cluster does not take a view that is older than the one in use, or that comes from a node that is cut off.

import type { Redis } from 'ioredis';

import type { Clock, Logger, Timer } from '../../env/env.js';
import { KvError, failureText } from '../../errors.js';
import { connectionFailureText } from '../connection-failure.js';
import { cut, type Connect } from './connections.js';
import type { Guarantee } from './guarantee.js';
import { Link, type LinkCluster } from './link.js';
import type { Operation } from './operation.js';
import { isNotAllowed } from './reply-errors.js';
import { requireDurable } from './safety.js';
import { SCRIPTS } from './scripts.js';
import { ownKey, slotOf, SLOT_COUNT } from './slots.js';
import type { Strays } from './strays.js';
import { askTopology, type View } from './view.js';

const REFRESH_MS = 5000;
const REFRESH_SOON_MS = 200;
const SETUP_MS_MAX = 3000;

export interface ClusterParts {
  readonly connect: Connect;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guarantee: Guarantee;
  readonly strays: Strays;
  /** Nodes must keep the writes that they acknowledge. */
  readonly isOnDisk: boolean;
}

export class Cluster implements LinkCluster {
  readonly #parts: ClusterParts;
  readonly #links = new Map<string, Link>();
  /** By slot: the link where its operations are queued, and the link where they belong. */
  readonly #owners: (Link | undefined)[] = Array.from({ length: SLOT_COUNT });
  readonly #wanted: (Link | undefined)[] = Array.from({ length: SLOT_COUNT });
  /** Operations of some slot are queued at another link than the one where they belong. */
  #isMoving = false;
  readonly #barrierKeys = new Map<Link, Buffer>();
  readonly #seeds: readonly string[];
  #view: View;
  #turn = 0;
  #timer: Timer | undefined;
  #refreshAtMs = 0;
  #isRefreshing = false;
  #isClosed = false;

  constructor(parts: ClusterParts, seeds: readonly string[], view: View) {
    this.#parts = parts;
    this.#seeds = seeds;
    this.#view = view;
    this.#take(view);
    this.#refreshIn(REFRESH_MS);
  }

  get view(): View {
    return this.#view;
  }

  /** The links to the masters. */
  get links(): readonly Link[] {
    return [...this.#links.values()];
  }

  get guarantee(): Guarantee {
    return this.#parts.guarantee;
  }

  get strays(): Strays {
    return this.#parts.strays;
  }

  /** Notes a connection to the node that was given up. Nothing more is sent to the node until it has forgotten the connection. */
  abandon(host: string, redis: Redis): void {
    this.strays.add(host, redis);
    this.linkOf(host)?.doubt();
  }

  linkOf(host: string): Link | undefined {
    return this.#links.get(host);
  }

  /** host:port of the master of a slot. A slot without a master gets the first master, which refuses it. */
  masterOf(slot: number): string {
    return (this.#wanted[slot] ?? this.links[0]!).host;
  }

  barrierKeyAt(host: string): Buffer {
    return this.barrierKey(this.#linkTo(host));
  }

  /** The hosts of all masters at the moment. */
  get masters(): readonly string[] {
    return this.#view.shards.map((shard) => shard.master);
  }

  /** Opens the links. Resolves when each of them has been tried once. */
  async open(): Promise<void> {
    await Promise.all(this.links.map((link) => link.open()));
  }

  submit(operation: Operation): void {
    const link = this.#owners[operation.target.slot];
    if (link === undefined) operation.refuse('closed');
    else link.push(operation);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await Promise.all(this.links.map((link) => link.close()));
  }

  async connect(host: string): Promise<Redis> {
    const redis = await this.#parts.connect(host);
    // A node that stands still from here on would keep the link waiting until the kernel gives up, which takes hours.
    const timer = this.#parts.clock.setTimer(SETUP_MS_MAX, () => cut(redis));
    try {
      await this.strays.note(host, redis);
      if (this.#parts.isOnDisk) await requireDurable(redis, host);
      for (const { text } of Object.values(SCRIPTS)) await redis.script('LOAD', text);
      return redis;
    } catch (error: unknown) {
      redis.disconnect();
      throw error;
    } finally {
      timer.cancel();
    }
  }

  isAt(operation: Operation, link: Link): boolean {
    return operation.isAsking || this.#wanted[operation.target.slot] === link;
  }

  /** Looks at the nodes soon. */
  renewView(): void {
    this.#refreshIn(REFRESH_SOON_MS);
  }

  isUsed(link: Link): boolean {
    return this.#wanted.includes(link);
  }

  forward(operation: Operation): void {
    const link = this.#wanted[operation.target.slot];
    if (link === undefined) operation.refuse('closed');
    else link.push(operation);
  }

  moved(slot: number, host: string): void {
    if (slot < SLOT_COUNT) this.#wanted[slot] = this.#linkTo(host);
    this.#isMoving = true;
    this.#refreshIn(REFRESH_SOON_MS);
  }

  ask(operation: Operation, host: string): void {
    operation.isAsking = true;
    this.#linkTo(host).push(operation);
  }

  onTrouble(link: Link): void {
    this.#parts.logger.debug('cluster node in trouble', {
      node: link.host,
      cause: link.cause === undefined ? undefined : failureText(link.cause),
    });
    this.#refreshIn(REFRESH_SOON_MS);
  }

  onDrained(link: Link): void {
    // This runs after nearly every batch, so it looks at all slots only while one moves.
    if (this.#isMoving) this.#adoptFrom(link);
  }

  barrierKey(link: Link): Buffer {
    const known = this.#barrierKeys.get(link);
    if (known !== undefined && this.#wanted[slotOf(known)] === link) return known;
    const key = ownKey(Math.max(0, this.#wanted.indexOf(link)));
    this.#barrierKeys.set(link, key);
    return key;
  }

  #linkTo(host: string): Link {
    let link = this.#links.get(host);
    if (link === undefined) {
      const { clock, guarantee } = this.#parts;
      link = new Link(host, clock, guarantee, this);
      this.#links.set(host, link);
    }
    return link;
  }

  #take(view: View): void {
    this.#view = view;
    for (const { master, ranges } of view.shards) {
      const link = this.#linkTo(master);
      for (const [first, last] of ranges) this.#wanted.fill(link, first, last + 1);
    }
    for (const [slot, link] of this.#wanted.entries()) this.#owners[slot] ??= link;
    this.#isMoving = this.#wanted.some((link, slot) => link !== this.#owners[slot]);
    for (const link of this.links) if (link.isDrained) this.#adoptFrom(link);
    if (!this.#isClosed) for (const link of this.links) void link.open();
  }

  /** Hands slots that belong elsewhere to their new links, and closes a link without slots. */
  #adoptFrom(link: Link): void {
    let isUsed = false;
    let isMoving = false;
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      if (this.#owners[slot] === link) this.#owners[slot] = this.#wanted[slot];
      isUsed ||= this.#wanted[slot] === link || this.#owners[slot] === link;
      isMoving ||= this.#wanted[slot] !== this.#owners[slot];
    }
    this.#isMoving = isMoving;
    if (isUsed || !this.#links.has(link.host) || !link.isDrained) return;
    this.#links.delete(link.host);
    this.#barrierKeys.delete(link);
    void link.close();
  }

  #refreshIn(delayMs: number): void {
    if (this.#isClosed || this.#isRefreshing) return;
    const atMs = this.#parts.clock.monotonicMs() + delayMs;
    // The refresh is never put off: callers that ask again and again would see none.
    if (this.#timer !== undefined && this.#refreshAtMs <= atMs) return;
    this.#timer?.cancel();
    this.#refreshAtMs = atMs;
    this.#timer = this.#parts.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#isRefreshing = true;
      void this.#refresh().then((isWell) => {
        this.#isRefreshing = false;
        this.#refreshIn(isWell ? REFRESH_MS : REFRESH_SOON_MS);
      });
    });
  }

  /** Asks one node after the other for its view. True when all slots are served. */
  async #refresh(): Promise<boolean> {
    const hosts = new Set([
      ...this.#view.shards.flatMap(({ master, replicas }) => [master, ...replicas]),
      ...this.#seeds,
    ]);
    const list = [...hosts];
    for (let tries = 0; tries < list.length && !this.#isClosed; tries += 1) {
      this.#turn += 1;
      const host = list[this.#turn % list.length]!;
      try {
        const view = await askTopology(this.#parts.connect, this.#parts.clock, host);
        if (!view.isWell || view.epoch < this.#view.epoch) continue;
        if (!this.#isClosed) this.#take(view);
        break;
      } catch (error: unknown) {
        this.#parts.logger.debug('cluster node does not answer', {
          node: host,
          cause: failureText(error),
        });
      }
    }
    return this.links.every((link) => link.state === 'ready');
  }
}

/** The first view of the cluster. Throws KV_BAD_OPTION when a node refuses the login or is no cluster, KV_IO when none answers. */
export async function firstView(parts: ClusterParts, seeds: readonly string[]): Promise<View> {
  const failures: string[] = [];
  for (const host of seeds) {
    try {
      return await askTopology(parts.connect, parts.clock, host);
    } catch (error: unknown) {
      if (error instanceof KvError) throw error;
      const why = failureText(error).replace(/\.$/, '');
      if (isNotAllowed(why)) {
        const message = `${host} refuses the login: ${why}; give user:password by --store-auth-file or CAIRN_STORE_AUTH`;
        throw new KvError('KV_BAD_OPTION', message, { cause: error });
      }
      failures.push(`${host}: ${connectionFailureText(why)}`);
    }
  }
  const message = `No node of the Redis cluster answers: ${failures.join('; ')}; see that its nodes run there and can be reached, with TLS for rediss:// and without TLS for redis://`;
  throw new KvError('KV_IO', message);
}
