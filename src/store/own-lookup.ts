// Copies of lookups, for callers that keep a lookup beyond the next call of the store.

import type { Item, Lookup } from './store.js';

/** Returns the lookup with its own copy of the value: it may be kept. */
export function ownLookup(found: Lookup): Lookup {
  if (found.kind !== 'hit') return found;
  return { kind: 'hit', item: ownItem(found.item), after: found.after };
}

function ownItem(item: Item): Item {
  const { source, start, valueBytes, isLasting } = item;
  let value = item.value;
  if (source !== undefined && !isLasting) {
    value = Buffer.from(source.subarray(start, start + valueBytes));
  }
  return {
    value,
    source: Buffer.isBuffer(value) ? value : undefined,
    words: undefined,
    start: 0,
    valueBytes,
    isLasting: true,
    flags: item.flags,
    cas: item.cas,
    expiresAt: item.expiresAt,
    fetched: item.fetched,
    idleSeconds: item.idleSeconds,
    stale: item.stale,
    won: item.won,
    wins: item.wins,
    created: item.created,
  };
}
