// Health: what /livez and /readyz say. Alive means that the loop turns, because a restart mends nothing else. Ready means that
// requests would be answered, writes included; each check says why not.

import type { Store } from '../store/store.js';

/** One thing that has to be so. */
export interface HealthCheck {
  readonly name: string;
  /** Undefined: all is well. */
  readonly failure: string | undefined;
}

export class Health {
  #store: Store | undefined;
  #isPoisoned = false;
  /** The process ends: it answers what it has, and takes nothing more. */
  isDraining = false;

  /** The log was replayed, and clients are served. */
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
    const isFull = store !== undefined && store.stats().get('kv_disk_full') === 1;
    return [
      check('replayed', store !== undefined, 'the log is being read'),
      check('writable', !this.#isPoisoned, 'a commit failed, the log is not trusted any more'),
      check('disk', !isFull, 'the disk is full, writes are refused'),
      check('serving', !this.isDraining, 'the server is ending'),
    ];
  }
}

export function isWell(checks: readonly HealthCheck[]): boolean {
  return checks.every(({ failure }) => failure === undefined);
}

/** `ok`, or what fails; with `verbose` every check. */
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
