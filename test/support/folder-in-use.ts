// Removal of a folder in which a process still makes files, as an operator removes one under a running server. Node's
// own `maxRetries` tries only the rmdir again, never the removal of a file that was made meanwhile.

import { rmSync } from 'node:fs';

/** Far more than the files that a server makes while one folder is read and removed. */
const TRIES = 100;

/** Removes the folder with all that is made in it meanwhile; a folder that is not there is no error. */
export function removeFolderInUse(path: string): void {
  for (let left = TRIES; ; left--) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || left === 1) throw error;
    }
  }
}
