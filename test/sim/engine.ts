// The engine under simulation: opens it, and reads its whole content as a client can.

import { openStore } from '../../src/store/open-store.js';
import type { StoreOptions } from '../../src/store/options.js';
import type * as S from '../../src/store/store.js';
import { kept } from '../support/kept-lookup.js';
import { Violation, entryOf, type Entry } from './history.js';
import type { BrokenWorld } from './broken-worlds.js';
import type { SimProcess } from './sim-world.js';

export const DIR = '/data';

export type EngineOptions = Partial<StoreOptions>;

/** Opens the engine. `bug`: what is wrong with the world on purpose. */
export async function openEngine(
  process: SimProcess,
  options: EngineOptions,
  bug: BrokenWorld = {},
): Promise<S.LocalStore> {
  // The simulated clock jumps by days.
  const store = await openStore(bug.env?.(process) ?? process, DIR, {
    acceptClock: true,
    ...options,
  });
  return bug.store?.(store) ?? store;
}

/** Returns everything that the store holds. A damaged item is a Violation, unless `skipDamaged` is set. */
export async function readAll(
  store: S.LocalStore,
  onDamage: (key: string) => void = damageIsAViolation,
): Promise<Map<string, Entry>> {
  const found = new Map<string, Entry>();
  let cursor = 0;
  do {
    const page = store.list(cursor, 100);
    for (const { key } of page.entries) {
      const name = key.toString('latin1');
      if (found.has(name)) throw new Violation(`list() names ${name} twice`);
      const lookup = await kept(store.get(key, { quiet: true }));
      if (lookup.kind === 'damaged') onDamage(name);
      if (lookup.kind === 'hit') found.set(name, await entryOf(lookup.item));
    }
    cursor = page.cursor;
  } while (cursor !== 0);
  return found;
}

function damageIsAViolation(key: string): void {
  throw new Violation(`The record of ${key} is damaged`);
}
