// Waiting for the disk, for a client that has no reply to wait for.

import type { Durability } from '../../src/log/durability.js';

/** Resolves when everything is on the disk, or a commit failed. */
export function allDurable(durability: Durability): Promise<void> {
  return new Promise<void>((resolve) => {
    const check = (): void => {
      if (durability.watermark >= durability.lastSeq) resolve();
    };
    durability.onDurable(check);
    durability.onFailed(() => resolve());
    check();
  });
}
