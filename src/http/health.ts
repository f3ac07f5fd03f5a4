// Health: what /livez and /readyz answer. Alive means that the event loop turns, because a restart repairs nothing
// else. Ready means that the server would answer requests, writes included. Each check that fails says why.

import type { Store } from '../store/store.js';

/** One condition of health. */
export interface HealthCheck {
  readonly name: string;
  /** The reason of a failure; undefined when the check passes. */
  readonly failure: string | undefined;
}

export class Health {
  readonly #cluster: string | undefined;
  #store: Store | undefined;
  #isPoisoned = false;
  /** The server shuts down: it answers the requests that it has, and takes no new ones. */
  isDraining = false;

  /** `cluster` names the cluster that holds the items; without it they are in a log. */
  constructor(cluster?: string) {
    this.#cluster = cluster;
  }

  /** The words for what the server does before it serves clients. */
  get opening(): string {
    return this.#cluster === undefined
      ? 'the log is being read'
      : `${this.#cluster} has not answered yet`;
  }

  /** Called when the store is open and the server serves clients. */
  serves(store: Store): void {
    this.#store = store;
    store.durability.onFailed((cause) => {
      if (cause === 'poisoned') this.#isPoisoned = true;
    });
  }

  liveness(): readonly HealthCheck[] {
    return [{ name: 'loop', failure: undefined }];
  }

  readiness(): readonly HealthCheck[] {
    const store = this.#store;
    const stats = store?.stats();
    const isFull = stats?.get('kv_disk_full') === 1;
    const serving = check('serving', !this.isDraining, 'the server is shutting down');
    if (this.#cluster !== undefined) {
      const isReachable = stats?.get('kv_cluster_reachable') !== 0;
      return [
        check('opened', store !== undefined, this.opening),
        check('cluster', isReachable, `${this.#cluster} cannot be reached`),
        check('disk', !isFull, 'the cluster has no room left, writes are refused'),
        serving,
      ];
    }
    return [
      check('replayed', store !== undefined, this.opening),
      check('writable', !this.#isPoisoned, 'a commit failed, the log is not trusted any more'),
      check('disk', !isFull, 'the disk is full, writes are refused'),
      serving,
    ];
  }
}

export function isWell(checks: readonly HealthCheck[]): boolean {
  return checks.every(({ failure }) => failure === undefined);
}

/** Returns `ok` or the checks that fail; with `verbose` all checks. */
export function healthText(checks: readonly HealthCheck[], verbose: boolean): string {
  const lines = checks.flatMap(({ name, failure }) => {
    if (failure !== undefined) return [`[-] ${name}: ${failure}`];
    return verbose ? [`[+] ${name}: ok`] : [];
  });
  return `${[...lines, isWell(checks) ? 'ok' : 'not ready'].join('\n')}\n`;
}

function check(name: string, isSo: boolean, failure: string): HealthCheck {
  return { name, failure: isSo ? undefined : failure };
}
