// The store's part of an image: the keydir, the accounting of the items, and the flushes (docs/format.md, "IMAGE").
//
// Invariant: the image holds everything that the store knows besides the state of the log. A restored store continues
// as if it had never stopped.

import type { ImageContent, ImageFile } from '../../log/segments/image-file.js';
import { assert } from '../../assert.js';
import type { StoreParts } from '../items/parts.js';
import type { Flushes, FlushesState } from '../flushes/flushes.js';
import type { Items, ItemsState } from '../items/items.js';
import type { KeydirState } from '../keydir/state.js';

interface StoreState {
  readonly keydir: KeydirState;
  readonly items: ItemsState;
  readonly flushes: FlushesState;
}

const OTHER_KIND =
  'it was made by a store with bounds (--max-keys, --max-bytes) and there are none now, or the reverse: no harm';

/** Requires: no snapshot runs, and nothing changes until the image is written: the words are the keydir's own. */
export function imageOf({ items, flushes, log }: StoreParts): ImageContent {
  assert(items.watcher === undefined, 'No snapshot runs');
  const large = items.largeReferences().reduce((sum, { bytes }) => sum + bytes, 0);
  const inLog = log.table.ordered.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
  assert(inLog + large === items.liveBytes, 'Every item is in a segment of the log');
  const state: StoreState = {
    keydir: items.keydir.state,
    items: items.state,
    flushes: flushes.state,
  };
  return { state, words: items.keydir.words.concat(flushes.words) };
}

/**
 * Restores the store from the image. Returns the reason, and leaves everything empty, when the image is damaged or of
 * a keydir of another kind: only a keydir with bounds keeps the order of use.
 */
export async function restoreFrom(
  image: ImageFile,
  items: Items,
  flushes: Flushes,
): Promise<string | undefined> {
  const { keydir } = items;
  const state = image.state as StoreState;
  let whyNot: string | undefined = OTHER_KIND;
  try {
    if (items.restoreKeydir(state.keydir, image.log.hashSeed)) {
      whyNot = 'it is damaged';
      flushes.restore(state.flushes);
      if (await image.fill(keydir.words.concat(flushes.words))) whyNot = undefined;
    }
  } finally {
    if (whyNot !== undefined) {
      items.clearKeydir();
      flushes.clear();
    }
  }
  if (whyNot === undefined) items.restoreState(state.items);
  return whyNot;
}
