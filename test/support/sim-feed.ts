// Short words for tests of the change feed on a simulated machine.

import type { ChangeFeed, FollowOptions } from '../../src/store/change-log.js';
import { drain, type KeptChange } from './feed-copy.js';
import type { SimStore } from './sim-store.js';

/** Options for stores with several small segments that compact when a test tells them to. */
export const FEED_OPTIONS = {
  segmentBytesMax: 8 * 1024,
  cacheBytesMax: 0,
  compactMinBytes: 1e9,
  snapshot: 'never',
} as const;
export const WITH_HISTORY = { ...FEED_OPTIONS, keepHistoryMs: 3_600_000 };
export const FILLER = 'x'.repeat(700);

export function follow(sim: SimStore, options: FollowOptions): Promise<ChangeFeed> {
  return sim.wait(sim.store.changeLog.follow(options));
}

/** Returns what a feed has from that point to the end, and closes the feed. */
export async function told(sim: SimStore, options: FollowOptions): Promise<KeptChange[]> {
  const feed = await follow(sim, options);
  const found = await sim.wait(drain(feed));
  await sim.wait(feed.close());
  return found;
}

export const seqs = (changes: readonly KeptChange[]): number[] => changes.map(({ seq }) => seq);

/** Returns the error that following is refused with, or undefined when it is accepted. */
export async function refused(sim: SimStore, options: FollowOptions): Promise<unknown> {
  return follow(sim, options).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Writes enough for several segments; returns the last seq. */
export async function fill(sim: SimStore, count: number, keys = count): Promise<number> {
  for (let at = 0; at < count; at++) {
    await sim.words.set(`fill${at % keys}`, FILLER);
    await sim.words.durable();
    await sim.advance(2);
  }
  return sim.store.durability.watermark;
}
