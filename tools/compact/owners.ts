// The owners that can compact a directory: this process when no server has it open, otherwise the server. Both have
// the same interface.

import type { Env } from '../../src/env/env.js';
import { isKvError } from '../../src/errors.js';
import { watchCompaction } from '../../src/control/compaction-progress.js';
import type { ControlProgress, ControlStats } from '../../src/control/messages.js';
import { openStore } from '../../src/store/open-store.js';
import type { CompactionReport, Store } from '../../src/store/store.js';
import { askServer } from './control-client.js';

const PROGRESS_MS = 100;

export interface Owner {
  readonly isServer: boolean;
  stats(): Promise<ControlStats>;
  compact(onProgress: (progress: ControlProgress) => void): Promise<CompactionReport>;
  close(): Promise<void>;
}

/** Takes the lock, or finds the server that has it. Requires that the directory has a store. */
export async function findOwner(env: Env, dir: string, acceptClock: boolean): Promise<Owner> {
  try {
    return await thisProcess(env, dir, acceptClock);
  } catch (error: unknown) {
    if (!isKvError(error, 'KV_LOCKED')) throw error;
    return runningServer(dir);
  }
}

async function thisProcess(env: Env, dir: string, acceptClock: boolean): Promise<Owner> {
  // A snapshot of its own would only be overwritten by the snapshot that the user asked for.
  const store: Store = await openStore(env, dir, { snapshot: 'never', acceptClock });
  return {
    isServer: false,
    stats: () => Promise.resolve(Object.fromEntries(store.stats())),
    async compact(onProgress) {
      const progress = watchCompaction(store);
      const timer = setInterval(() => onProgress(progress()), PROGRESS_MS);
      try {
        return await store.compact({ everything: true });
      } finally {
        clearInterval(timer);
      }
    },
    close: () => store.close(),
  };
}

function runningServer(dir: string): Owner {
  return {
    isServer: true,
    stats: () => askServer(dir, { command: 'stats' }),
    compact: (onProgress) => askServer(dir, { command: 'compact', everything: true }, onProgress),
    close: () => Promise.resolve(),
  };
}
