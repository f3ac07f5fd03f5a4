// The outputs that a user names (docs/tools.md, "Output files"): files, links, pipes, devices, `-`. How they are
// written is env/output-file's; that none of them is a file of a store is seen to here.

import type { Fs } from '../../src/env/env.js';
import {
  OutputFile,
  placeOfOutput,
  removeUnfinishedOutputs,
  type OutputPlace,
} from '../../src/env/output-file.js';
import { refuseStoreFile } from '../../src/log/segments/store-file.js';

/** Opens `given` for writing. `storeDir`, the store that is read: also a file that shares its inode with one there is refused. */
export async function openOutput(
  fs: Fs,
  given: string,
  storeDir: string | undefined,
): Promise<OutputFile> {
  const place = await allowedPlace(fs, given, storeDir);
  leaveNothingBySignal();
  return OutputFile.open(place, fs.unique());
}

/** Throws as openOutput does for what is no output, before any work is done for it. */
export async function checkOutput(fs: Fs, given: string, storeDir: string): Promise<void> {
  await allowedPlace(fs, given, storeDir);
}

/** Also a descriptor, stdout too, may lead to a file of a store. */
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

/** A signal ends the tool as it always does, but for the temporary file, which goes first. */
function leaveNothingBySignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Nobody listens any more when it is raised again, so that it ends the process.
    process.once(signal, () => {
      removeUnfinishedOutputs();
      process.kill(process.pid, signal);
    });
  }
}

/** Whether it becomes a file, of which bytes can be written again before it is whole. */
export async function becomesFile(given: string): Promise<boolean> {
  return (await placeOfOutput(given)).kind === 'file';
}

/** Whether what goes there would meet what else a tool says on stdout. */
export async function isStdout(given: string): Promise<boolean> {
  const place: OutputPlace = await placeOfOutput(given);
  return place.kind === 'descriptor' && place.fd === 1;
}
