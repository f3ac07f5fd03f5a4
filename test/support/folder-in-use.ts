// Removal of a folder in which a process still makes files, for example by an operator while the server runs. Node's own
// `maxRetries` repeats only the rmdir, never the removal of a file that was made meanwhile.

import { rmSync } from 'node:fs';

/** Far more tries than a server makes files while one folder is read and removed. */
const TRIES = 100;

/** Removes the folder with everything that is made in it meanwhile. A folder that does not exist is no error. */
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
