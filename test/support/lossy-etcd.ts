// Calls to etcd whose answers get lost: some requests are done and no answer says so, some are never done, and some are
// done after the caller has given up. Tests use it to see what the store makes of that.

import type { EtcdCalls } from '../../src/cluster/etcd/client.js';
import { EtcdFailure, onlyEtcd } from '../../src/cluster/etcd/failure.js';

/** Returns a number from 0 up to 1, as Math.random does, but seeded. */
export type Chance = () => number;

interface Losses {
  /** The share of transactions whose answer is lost, from 0 to 1. */
  readonly lost: number;
  readonly chance: Chance;
}

/** Requests that the caller gave up and that are done later; wait for them before the test ends. */
export class LossyEtcd {
  readonly calls: EtcdCalls;
  readonly #late: Promise<unknown>[] = [];
  lost = 0;

  constructor(real: EtcdCalls, { lost, chance }: Losses) {
    const lose = (): never => {
      this.lost += 1;
      throw new EtcdFailure('unknown', 'the test lost the answer');
    };
    this.calls = {
      hosts: real.hosts,
      used: real.used,
      failures: 0,
      turns: 0,
      range: (request, limitMs) => real.range(request, limitMs),
      compact: (revision, limitMs) => real.compact(revision, limitMs),
      status: (at, limitMs) => real.status(at, limitMs),
      pause: (delayMs) => real.pause(delayMs),
      close: () => real.close(),
      txn: async (request, limitMs) => {
        if (chance() >= lost) return real.txn(request, limitMs);
        const kind = chance();
        if (kind < 0.4) {
          await real.txn(request, limitMs);
        } else if (kind < 0.7) {
          // A late request of a store that was closed meanwhile finds no connection. Then it is never done.
          const later = real.pause(20 * chance()).then(() => real.txn(request, limitMs));
          this.#late.push(later.catch(onlyEtcd));
        }
        return lose();
      },
    };
  }

  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }
}
