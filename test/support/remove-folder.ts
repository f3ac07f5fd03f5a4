// Removal of a test's folder, also while a process still makes files in it: a daemon that is ending, or a server whose
// directory a test removes on purpose. Node's own `maxRetries` repeats only the rmdir, never the removal of a file that was
// made meanwhile. Tests remove folders by no other way (test/tidy/removal.test.ts).

import { rmSync } from 'node:fs';

/** Far more tries than a server makes files while one folder is read and removed. */
const TRIES = 100;

/** Removes the folder with everything that is made in it meanwhile. A folder that does not exist is no error. */
export function removeFolder(path: string): void {
  for (let left = TRIES; ; left--) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || left === 1) throw error;
    }
  }
}
