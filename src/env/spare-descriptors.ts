// Descriptors held back for the store: when the process has no other left, one of these is given up for a file that
// the log cannot do without (its next segment, the manifest), and taken again when there are some.
// Invariant: without hold() nothing is held and nothing changes.

import fs from 'node:fs';

import { isOutOfDescriptors } from '../errors.js';

const SPARES_MAX = 16;
const REFILL_MS = 1000;

const spares: number[] = [];
let timer: NodeJS.Timeout | undefined;

/** Begins to hold them; for a process that serves. */
export function holdSpareDescriptors(): void {
  refill();
}

/** Opens by `open`, by a spare descriptor if need be. */
export async function openedBySpares<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const spare = isOutOfDescriptors(error) ? spares.pop() : undefined;
      if (spare === undefined) throw error;
      fs.closeSync(spare);
      refillLater();
    }
  }
}

function refill(): void {
  try {
    while (spares.length < SPARES_MAX) spares.push(fs.openSync('/dev/null', 'r'));
  } catch {
    // Not yet: there are none.
    refillLater();
  }
}

function refillLater(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    refill();
  }, REFILL_MS).unref();
}
