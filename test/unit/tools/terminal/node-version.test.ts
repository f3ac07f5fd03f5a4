// Every command of the package reports a Node that is too old in one line.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeFault } from '../../../../tools/terminal/node-version.js';
import { PROJECT_DIR } from '../../../support/golden-file.js';

const MANIFEST = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
};
/** Loaded before the program; it makes this Node say that it has another version. */
const PRETEND =
  'data:text/javascript,' +
  encodeURIComponent(
    "const v = { ...process.versions, node: '18.20.4' };" +
      "Object.defineProperty(process, 'versions', { value: v });",
  );

describe('nodeFault()', () => {
  it('compares versions part by part', () => {
    for (const found of ['18.20.4', '20.9.0', '20.18.99', '4.0.0'])
      expect(nodeFault(found, '>=20.19.0'), found).to.contain('20.19.0 or newer');
    for (const found of ['20.19.0', '20.19.1', '22.0.0', '100.1.0'])
      expect(nodeFault(found, '>=20.19.0'), found).to.equal(undefined);
  });
});

describe('A Node that is too old @long', () => {
  for (const script of [...new Set(Object.values(MANIFEST.bin)), 'tools/bootstrap.mjs']) {
    it(`is reported in one line by ${script}, before anything else is loaded`, () => {
      const args = ['--import', PRETEND, join(PROJECT_DIR, script), '--version'];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(stderr).to.match(
        /^[\w-]+: Node 18\.20\.4 is too old: 20\.19\.0 or newer is needed\n$/,
      );
      expect([status, stdout]).to.deep.equal([64, '']);
      const imports = readFileSync(join(PROJECT_DIR, script), 'utf8').match(/^import .*$/gm) ?? [];
      expect(imports).to.not.deep.equal([]);
      for (const line of imports) expect(line).to.match(/node-version\.js|'node:/);
    });
  }
});
