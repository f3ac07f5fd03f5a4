// What a lookup counts as, by memcached's rules: a gat that hits counts as a touch, not as a get_hit.

import type { GetRequest } from '../../protocol/request.js';
import type { Lookup } from '../../store/store.js';
import type { Counters } from '../counters.js';

export function countLookup(counters: Counters, request: GetRequest, found: Lookup): void {
  const touches = request.touchExptime !== undefined;
  counters.cmd_get += 1;
  if (touches) counters.cmd_touch += 1;
  if (found.kind === 'hit') {
    if (touches) counters.touch_hits += 1;
    else counters.get_hits += 1;
    return;
  }
  if (touches) counters.touch_misses += 1;
  else counters.get_misses += 1;
  if (found.kind !== 'miss') return;
  if (found.reason === 'expired') counters.get_expired += 1;
  else if (found.reason === 'flushed') counters.get_flushed += 1;
}
