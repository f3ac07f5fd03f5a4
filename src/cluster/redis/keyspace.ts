// Keyspace: flush and deletion by prefix, which concern keys on every master.
//
// Invariants:
// - Neither is one step for the cluster: an item that another server stores meanwhile may go or stay. For the calls of this
//   store both keep their place: calls before it are done before it, and calls behind it wait for it, or are queued behind it.
// - Each answers `unknown` when a node failed on the way, or when a master was left out. It can be sent again.
// - An operation waits behind a deletion at most until its deadline. A deletion may take minutes.

import type { Clock } from '../../env/env.js';
import type * as S from '../../store/store.js';
import type { Cluster } from './cluster.js';
import { KEY_PREFIX } from './commands.js';
import { acknowledgedBy, waitCommand } from './guarantee.js';
import { Operation, type Command, type NoAnswer } from './operation.js';
import type { SideConnections } from './side-connections.js';
import { slotOf } from './slots.js';
import { parseSlots } from './topology.js';

const SCAN_KEYS = 500;
const GLOB_CHARACTERS = /[*?[\]\\]/g;

interface Deletion {
  /** Prefix of the keys in Redis. */
  readonly start: Buffer;
  readonly done: Promise<S.Outcome>;
  /** Operations that wait behind the deletion, in their order. */
  readonly held: Set<Operation>;
}

export class Keyspace {
  readonly #cluster: Cluster;
  readonly #side: SideConnections;
  readonly #clock: Clock;
  readonly #deletions = new Set<Deletion>();

  constructor(cluster: Cluster, side: SideConnections, clock: Clock) {
    this.#cluster = cluster;
    this.#side = side;
    this.#clock = clock;
  }

  /** Hands an operation to the cluster, behind a deletion by prefix that is under way and may meet its key. */
  submit(operation: Operation): void {
    const met = this.#deletions.size === 0 ? undefined : this.#meeting(operation.target.key);
    if (met === undefined) this.#cluster.submit(operation);
    else this.#hold(operation, met);
  }

  /** Puts a FLUSHALL into the queue of each master. */
  async flush(deadlineMs: number): Promise<S.Outcome> {
    const command: Command = {
      name: 'FLUSHALL',
      args: ['ASYNC'],
      effect: 'writes',
      isForAllKeys: true,
    };
    if (this.#deletions.size > 0) {
      const before = [...this.#deletions].map((deletion) => deletion.done);
      return this.#behind(Buffer.from(KEY_PREFIX), async () => {
        await Promise.all(before);
        return this.#flush(command, deadlineMs);
      });
    }
    return this.#flush(command, deadlineMs);
  }

  /** Removes each key that SCAN finds by UNLINK. The prefix may be empty. */
  deletePrefix(prefix: Buffer, deadlineMs: number): Promise<S.Outcome> {
    const start = Buffer.concat([Buffer.from(KEY_PREFIX), prefix]);
    return this.#behind(start, () => this.#delete(start, deadlineMs));
  }

  async #flush(command: Command, deadlineMs: number): Promise<S.Outcome> {
    const hosts = this.#cluster.masters;
    const refusal = await this.#onEachLink(hosts, command, deadlineMs);
    return outcomeOf(refusal ?? (await this.#missed(hosts)));
  }

  /** Returns `unknown` when these are not all masters: slots may have moved to a master that the last view did not show. */
  async #missed(hosts: readonly string[]): Promise<NoAnswer | undefined> {
    const views = await Promise.allSettled(
      // A node from which a slot has moved knows at once where it went.
      hosts.map((host) => this.#side.ask(host, (redis) => redis.call('CLUSTER', 'SLOTS'))),
    );
    const areAll = views.every(
      (view, at) =>
        view.status === 'fulfilled' &&
        parseSlots(view.value, hosts[at]!).every(({ master }) => hosts.includes(master)),
    );
    if (areAll) return undefined;
    this.#cluster.renewView();
    return 'unknown';
  }

  /** Holds calls on keys with this prefix until the deletion is done. */
  #behind(start: Buffer, act: () => Promise<S.Outcome>): Promise<S.Outcome> {
    const done = act();
    const held = new Set<Operation>();
    const deletion: Deletion = { start, done, held };
    this.#deletions.add(deletion);
    void done.then(() => {
      this.#deletions.delete(deletion);
      for (const operation of held) this.submit(operation);
      held.clear();
    });
    return done;
  }

  #hold(operation: Operation, { held }: Deletion): void {
    held.add(operation);
    this.#clock.setTimer(Math.max(0, operation.deadlineMs - this.#clock.monotonicMs()), () => {
      if (held.delete(operation)) operation.expire();
    });
  }

  #meeting(key: Buffer): Deletion | undefined {
    for (const deletion of this.#deletions) {
      const { start } = deletion;
      if (key.length >= start.length && start.compare(key, 0, start.length) === 0) return deletion;
    }
    return undefined;
  }

  async #delete(start: Buffer, deadlineMs: number): Promise<S.Outcome> {
    // Operations that were called before go first.
    const hosts = this.#cluster.masters;
    const refusal = await this.#onEachLink(hosts, undefined, deadlineMs);
    if (refusal !== undefined) return outcomeOf('closed');
    const results = await Promise.allSettled(hosts.map((host) => this.#deleteAt(host, start)));
    const isDone = results.every((result) => result.status === 'fulfilled' && result.value);
    return outcomeOf(isDone ? await this.#missed(hosts) : 'unknown');
  }

  async #deleteAt(host: string, start: Buffer): Promise<boolean> {
    const pattern = Buffer.concat([escaped(start), Buffer.from('*')]);
    let cursor = '0';
    do {
      cursor = await this.#side.ask(host, async (redis) => {
        const args = [cursor, 'MATCH', pattern, 'COUNT', SCAN_KEYS];
        const [next, keys] = (await redis.callBuffer('SCAN', ...args)) as [Buffer, Buffer[]];
        const pipeline = redis.pipeline();
        // One command per key, because the keys are in different slots.
        for (const key of keys) pipeline.unlink(key);
        for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
        return next.toString();
      });
    } while (cursor !== '0');
    return this.#side.ask(host, async (redis) => {
      const { guarantee } = this.#cluster;
      await redis.set(this.#cluster.barrierKeyAt(host), '1');
      if (guarantee.replicas === 0) return true;
      const answer = await redis.call(...waitCommand(guarantee));
      return acknowledgedBy(answer) >= guarantee.replicas;
    });
  }

  /** Sends a command through the queue of each master, by default a write that changes nothing. Returns the worst outcome. */
  async #onEachLink(
    hosts: readonly string[],
    command: Command | undefined,
    deadlineMs: number,
  ): Promise<NoAnswer | undefined> {
    const refusals = await Promise.all(
      hosts.map((host) => {
        const key = this.#cluster.barrierKeyAt(host);
        const args = [key, '1'];
        const barrier: Command = { name: 'SET', args, effect: 'writes', isForAllKeys: true };
        const target = { key, slot: slotOf(key), deadlineMs };
        return new Promise<NoAnswer | undefined>((resolve) => {
          const settle = (): void => resolve(undefined);
          this.#cluster.submit(new Operation(target, command ?? barrier, settle, resolve));
        });
      }),
    );
    if (refusals.every((refusal) => refusal === undefined)) return undefined;
    return refusals.every((refusal) => refusal === 'closed') ? 'closed' : 'unknown';
  }
}

function outcomeOf(refusal: NoAnswer | undefined): S.Outcome {
  return { status: refusal ?? 'ok', after: 0, cas: 0n };
}

/** Escapes bytes as a pattern of SCAN that matches only them. */
function escaped(start: Buffer): Buffer {
  return Buffer.from(start.toString('latin1').replace(GLOB_CHARACTERS, '\\$&'), 'latin1');
}
