// What a reply to a get tells of an item, for the tests of composers: a value as it lies in memory.

import type { HitItem } from '../../src/protocol/reply.js';

/** `value` lies between other bytes. Undefined: it is sent by the caller. */
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
