// Strays: connections that were given up while requests were out on them. Such a request may still lie in a buffer, and the
// node would execute it later, behind requests that this server sends over its next connection. CLIENT KILL prevents that.
//
// Invariants (docs/decisions/0115-late-requests.md):
// - When `end` has returned true, the node executes nothing more of what came over the strays that were added before.
// - Only the stray itself is killed. A node numbers its connections from 1 again after a restart, so the address has to fit too.

import type { Redis } from 'ioredis';

import type { Logger } from '../../env/env.js';
import { failureText } from '../../errors.js';

/** A connection as its node knows it. */
interface Client {
  readonly id: string;
  readonly address: string;
}

export class Strays {
  readonly #logger: Logger;
  readonly #clients = new WeakMap<Redis, Client>();
  readonly #byHost = new Map<string, Set<Client>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Asks the node how it knows a new connection. Rejects when the connection fails. */
  async note(host: string, redis: Redis): Promise<void> {
    try {
      const info = String(await redis.call('CLIENT', 'INFO'));
      const [, id, address] = /^id=(\d+) addr=(\S+)/.exec(info) ?? [];
      if (id !== undefined && address !== undefined) this.#clients.set(redis, { id, address });
    } catch (error: unknown) {
      this.#tolerate(host, error);
    }
  }

  /** Adds a connection that has ended. */
  add(host: string, redis: Redis): void {
    const client = this.#clients.get(redis);
    if (client === undefined) return;
    const clients = this.#byHost.get(host) ?? new Set();
    this.#byHost.set(host, clients.add(client));
  }

  has(host: string): boolean {
    return this.#byHost.has(host);
  }

  /** Ends the strays of a node, over a new connection to it. False: the connection failed. */
  async end(host: string, redis: Redis): Promise<boolean> {
    const clients = this.#byHost.get(host);
    for (const client of clients ?? []) {
      try {
        await redis.call('CLIENT', 'KILL', 'ID', client.id, 'ADDR', client.address);
      } catch (error: unknown) {
        if (!isReply(error)) return false;
        this.#tolerate(host, error);
      }
      clients!.delete(client);
    }
    if (clients?.size === 0) this.#byHost.delete(host);
    return true;
  }

  /** Goes on without CLIENT INFO or CLIENT KILL where the node does not know or allow them. */
  #tolerate(host: string, error: unknown): void {
    if (!isReply(error)) throw error;
    this.#logger.warn('cluster node may execute requests late: allow CLIENT INFO and CLIENT KILL', {
      node: host,
      cause: failureText(error),
    });
  }
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
