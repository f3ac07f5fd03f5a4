// Durability of a store over a cluster: a promise that has settled is durable. So no reply waits for a watermark, and no
// change is ever taken back.

import type { Durability } from '../log/durability.js';

export const ALWAYS_DURABLE: Durability = {
  watermark: 0,
  lastSeq: 0,
  congested: false,
  overloaded: false,
  serve: () => undefined,
  onDurable: () => undefined,
  onFailed: () => undefined,
};
