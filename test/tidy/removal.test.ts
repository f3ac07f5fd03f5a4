// Removal of folders in tests: only removeFolder() removes one, because Node's own removal fails when a process that is
// ending still makes a file in it.

import { expect } from 'chai';

import { everything } from './sources.js';

const OWNER = 'test/support/remove-folder.ts';
/** A call of Node's that removes a folder, also over several lines. */
const REMOVAL = /\brm(?:Sync)?\([^;]*?\{\s*recursive:/;

describe('removal of folders', () => {
  it('tests remove a folder only by removeFolder()', () => {
    const removing = everything.filter(
      ({ path, text }) => path.startsWith('test/') && REMOVAL.test(text),
    );
    expect(removing.map(({ path }) => path)).to.deep.equal([OWNER]);
  });
});
