// Side connections: for commands that take long or concern all keys, so that requests do not wait behind them.
//
// Invariant: each answer comes within ANSWER_MS_MAX, or the connection is cut and the call rejects.

import type { Redis } from 'ioredis';

import type { Clock } from '../../env/env.js';
import { cut, type Connect } from './connections.js';

const ANSWER_MS_MAX = 3500;

export class SideConnections {
  readonly #connect: Connect;
  readonly #clock: Clock;
  readonly #open = new Map<string, Promise<Redis>>();

  readonly #onLost: (host: string, redis: Redis) => void;

  /** `onLost` takes a connection that ended before its answer came. */
  constructor(connect: Connect, clock: Clock, onLost: (host: string, redis: Redis) => void) {
    this.#connect = connect;
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /** Makes one round trip to the node. Rejects when the node cannot be reached, or as `use` does. */
  async ask<T>(host: string, use: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = await this.#to(host);
    const timer = this.#clock.setTimer(ANSWER_MS_MAX, () => cut(redis));
    try {
      return await use(redis);
    } catch (error: unknown) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') {
        cut(redis);
        this.#onLost(host, redis);
      }
      throw error;
    } finally {
      timer.cancel();
    }
  }

  async close(): Promise<void> {
    for (const opened of await Promise.allSettled(this.#open.values())) {
      if (opened.status === 'fulfilled') cut(opened.value);
    }
  }

  #to(host: string): Promise<Redis> {
    const known = this.#open.get(host);
    if (known !== undefined) return known;
    const made = this.#connect(host);
    this.#open.set(host, made);
    const forget = (): void => void this.#open.delete(host);
    made.then((redis) => redis.once('end', forget), forget);
    return made;
  }
}
