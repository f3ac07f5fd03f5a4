// The durability of a store whose answers come when they are durable: nobody waits for anything, nothing is congested.

import type { Durability } from '../../log/durability.js';

export const SETTLED: Durability = {
  watermark: 0,
  lastSeq: 0,
  congested: false,
  overloaded: false,
  serve: () => undefined,
  onDurable: () => undefined,
  onFailed: () => undefined,
};
