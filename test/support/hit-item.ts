// An item as a reply to a get shows it, for the tests of composers: its value lies in memory.

import type { HitItem } from '../../src/protocol/reply.js';

/** Makes the item. `value` lies between other bytes. When it is undefined, the caller sends the value. */
export function hitItem(value: Buffer | undefined, more: Partial<HitItem> = {}): HitItem {
  const source = value && Buffer.concat([Buffer.from('before'), value, Buffer.from('after')]);
  const valueBytes = value?.length ?? 0;
  return {
    flags: 0,
    cas: 0n,
    valueBytes,
    source,
    words: undefined,
    start: 6,
    isLasting: false,
    ...more,
  };
}
