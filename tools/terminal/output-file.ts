// The outputs that a user names (docs/tools.md, "Output files"): files, links, pipes, devices, `-`. The writing is in
// env/output-file; this module makes sure that no output is a file of a store.

import type { Fs } from '../../src/env/env.js';
import {
  OutputFile,
  placeOfOutput,
  removeUnfinishedOutputs,
  type OutputPlace,
} from '../../src/env/output-file.js';
import { refuseStoreFile } from '../../src/log/segments/store-file.js';

/**
 * Opens `given` for writing. `storeDir` is the store that is read: a file that shares its inode with one of its files
 * is refused too.
 */
export async function openOutput(
  fs: Fs,
  given: string,
  storeDir: string | undefined,
): Promise<OutputFile> {
  const place = await allowedPlace(fs, given, storeDir);
  leaveNothingBySignal();
  return OutputFile.open(place, fs.unique());
}

/** Throws as openOutput does for a word that cannot be an output, before any work is done for it. */
export async function checkOutput(fs: Fs, given: string, storeDir: string): Promise<void> {
  await allowedPlace(fs, given, storeDir);
}

/** A descriptor, stdout too, may also lead to a file of a store. */
async function allowedPlace(
  fs: Fs,
  given: string,
  storeDir: string | undefined,
): Promise<OutputPlace> {
  const place = await placeOfOutput(given);
  if (place.kind !== 'stream' && place.path !== undefined)
    await refuseStoreFile(fs, place.path, storeDir);
  return place;
}

/** A signal ends the tool as usual, but the temporary file is removed first. */
function leaveNothingBySignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // The listener is gone when the signal is raised again, so that the signal ends the process.
    process.once(signal, () => {
      removeUnfinishedOutputs();
      process.kill(process.pid, signal);
    });
  }
}

/** Checks whether the output becomes a file, whose bytes can be written again before it is whole. */
export async function becomesFile(given: string): Promise<boolean> {
  return (await placeOfOutput(given)).kind === 'file';
}

/** Checks whether the output is stdout, where it would mix with other words of the tool. */
export async function isStdout(given: string): Promise<boolean> {
  const place: OutputPlace = await placeOfOutput(given);
  return place.kind === 'descriptor' && place.fd === 1;
}
