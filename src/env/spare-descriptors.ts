// Spare descriptors: when the process has no other descriptor left, one of these is closed so that the log can open a
// file it needs (its next segment, the manifest). It is opened again when there are free descriptors.
// Invariant: without holdSpareDescriptors() none is held, and openedBySpares() only calls `open`.

import fs from 'node:fs';

import { isOutOfDescriptors } from '../errors.js';

const SPARES_MAX = 16;
const REFILL_MS = 1000;

const spares: number[] = [];
let timer: NodeJS.Timeout | undefined;

/** Opens the spare descriptors and keeps them; for a process that serves. */
export function holdSpareDescriptors(): void {
  refill();
}

/** Returns what `open` returns; when no descriptor is left, closes a spare one and calls `open` again. */
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
    // There are no free descriptors yet.
    refillLater();
  }
}

function refillLater(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    refill();
  }, REFILL_MS).unref();
}
