// The conformance of a Store: everything that each store must do, as one suite over an environment (the real disk, the
// simulated one, memory). A promise of src/store/store.ts that no test here could break is missing from it.

import { arithmeticGroup } from './arithmetic-group.js';
import { durabilityGroup } from './durability-group.js';
import { expiryGroup } from './expiry-group.js';
import { feedGroup } from './feed-group.js';
import { listingGroup } from './listing-group.js';
import { restartGroup } from './restart-group.js';
import { storageGroup } from './storage-group.js';
import { Subject, type OpenFixture } from './subject.js';

export type { OpenFixture, StoreFixture } from './subject.js';

/** Makes the suite. `restarts`: the environment keeps the files and offers reopen(). */
export function storeConformance(name: string, open: OpenFixture, restarts: boolean): void {
  describe(`Store (${name})`, () => {
    let current: Subject | undefined;
    const subject = (): Subject => {
      if (current === undefined) throw new Error('No store is open');
      return current;
    };

    beforeEach(async () => {
      current = new Subject(await open());
    });
    afterEach(async () => {
      const open = current;
      current = undefined;
      await open?.fixture.close();
    });

    storageGroup(subject);
    arithmeticGroup(subject);
    expiryGroup(subject);
    durabilityGroup(subject);
    listingGroup(subject);
    if (restarts) {
      feedGroup(subject);
      restartGroup(subject, 'close');
      restartGroup(subject, 'kill');
    }
  });
}
