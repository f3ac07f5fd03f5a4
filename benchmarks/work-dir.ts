// Chooses the directory for the data of the measured servers: it has to be on a disk, because a sync to memory costs
// nothing.

import { mkdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6]);

/** Checks whether a directory lies in memory (tmpfs, ramfs). */
export function isInMemory(dir: string): boolean {
  return MEMORY_FILE_SYSTEMS.has(statfsSync(dir).type);
}

/** Returns the given directory, otherwise the system's temporary one, or `fallback` when that lies in memory. */
export function chooseWorkDir(asked: string | undefined, fallback: string): string {
  const dir = asked ?? tmpdir();
  mkdirSync(dir, { recursive: true });
  if (!isInMemory(dir)) return dir;
  if (asked !== undefined) throw new Error(`${asked} lies in memory: choose a directory on a disk`);
  mkdirSync(fallback, { recursive: true });
  return fallback;
}
