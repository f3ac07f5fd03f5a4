// The start of a daemon: what its starter says when the daemon ends before it serves.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { startDaemon } from '../../../src/process/daemon.js';
import { removeFolder } from '../../support/remove-folder.js';

describe('startDaemon()', () => {
  const script = process.argv[1]!;
  let root = '';
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'cairn-daemon-'))));
  afterEach(() => {
    process.argv[1] = script;
    removeFolder(root);
  });

  it('names the signal that ended the daemon before it served', async () => {
    process.argv[1] = join(root, 'killed.mjs');
    writeFileSync(
      process.argv[1],
      "process.kill(process.pid, 'SIGKILL'); setInterval(() => 0, 9);",
    );
    let said = '';
    expect(await startDaemon([], (text) => (said += text))).to.equal(EXIT.bug);
    expect(said).to.contain('SIGKILL ended the daemon before it served');
  });
});
