// docs/tutorial.md, done as its reader does it: the test types every command, saves every file, and expects the output
// that the page shows. A kill -9 ends the server on the way.

import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { freePort } from '../../support/free-port.js';
import { PROJECT_DIR } from '../../support/golden-file.js';
import { pageBlocks } from '../../support/page-blocks.js';
import { PageShell } from '../../support/page-shell.js';
import { requireProgram } from '../../support/programs.js';
import { temporaryFolder } from '../../support/servers.js';
import { removeFolder } from '../../support/remove-folder.js';

const PAGE = readFileSync(join(PROJECT_DIR, 'docs/tutorial.md'), 'utf8');

describe('docs/tutorial.md', function () {
  this.timeout(120_000);
  let dir = '';
  let shell: PageShell | undefined;

  beforeEach(() => (dir = temporaryFolder()));
  afterEach(async () => {
    await shell?.end();
    removeFolder(dir);
  });

  it('leads to a session that survives a kill -9 of the server', async function () {
    requireProgram(this, 'curl', 'curl');
    const port = String(await freePort());
    shell = new PageShell(dir, 'cairn', { CAIRN_PORT: port });
    for (const name of ['package.json', 'tools', 'dist', 'node_modules']) {
      symlinkSync(join(PROJECT_DIR, name), join(dir, 'cairn', name));
    }
    const page = PAGE.replaceAll('11211', port)
      .replaceAll(/\b3000\b/g, String(await freePort()))
      .replaceAll('/tmp/', `${dir}/`);
    const blocks = pageBlocks(page);
    expect(blocks.filter(({ kind }) => kind === 'by-hand')).to.deep.equal([]);
    expect(blocks.some(({ text }) => text.startsWith('kill -9'))).to.equal(true);
    expect(blocks.at(-1)?.shown).to.contain('no damage');
    for (const block of blocks) await shell.run(block);
  });

  it('installs the versions that this project is tested with', () => {
    const { devDependencies } = JSON.parse(
      readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8'),
    ) as { devDependencies: Record<string, string> };
    const wanted = [...PAGE.matchAll(/([a-z-]+)@(\d+)\b/g)];
    expect(wanted).to.have.length(3);
    for (const [, name = '', major] of wanted) {
      expect(devDependencies[name]?.split('.')[0], name).to.equal(major);
    }
  });
});
