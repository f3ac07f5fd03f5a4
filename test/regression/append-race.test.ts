// Two appends grew one large value at the same time, and the one that came second was answered `exists`, which is no answer
// to a plain append. Both must be stored.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { open } from '../../src/index.js';
import { removeFolder } from '../support/remove-folder.js';

describe('append() to a large value', () => {
  it('stores both of two appends that come at once', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-append-'));
    const store = await open(dir);
    try {
      await store.set('k', Buffer.alloc(1_200_000, 'x'));
      const both = await Promise.all([store.append('k', 'aa'), store.append('k', 'bb')]);
      expect(both).to.deep.equal(['stored', 'stored']);
      const value = (await store.get('k'))?.value;
      expect(value?.length).to.equal(1_200_004);
      expect(value?.subarray(-4).toString()).to.match(/^(aabb|bbaa)$/);
    } finally {
      await store.close();
      removeFolder(dir);
    }
  });
});
