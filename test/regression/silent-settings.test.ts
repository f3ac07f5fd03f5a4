// Settings that were accepted without a message although users hardly mean them. The server starts, because memcached's
// command lines have them, and warns once.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { ServerCommand } from '../support/server-command.js';
import { removeFolder } from '../support/remove-folder.js';

describe('A setting that users hardly mean @long', () => {
  let root = '';
  let data = '';
  let server: ServerCommand | undefined;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-silent-'));
    data = join(root, 'data');
    mkdirSync(data);
  });
  afterEach(async () => {
    server?.child.kill('SIGKILL');
    await server?.ended;
    removeFolder(root);
  });

  async function warningsOf(...argv: string[]): Promise<string[]> {
    server = new ServerCommand(['-l', '127.0.0.1', '-p', '-1', '--data', data, ...argv]);
    await server.port();
    server.child.kill('SIGTERM');
    const { code, stderr } = await server.ended;
    expect(code, stderr).to.equal(EXIT.ok);
    return stderr.match(/cairn: warn: [^\n]*/g) ?? [];
  }

  for (const [argv, said] of [
    [['-U', '11211'], 'UDP is not offered'],
    [['-m', '999999999'], 'MB of memory of this machine'],
    [['--max-bytes', '2m'], '--segment-size'],
  ] as const) {
    it(`is reported in one warning: ${argv.join(' ')}`, async () => {
      const warnings = await warningsOf(...argv);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.contain(said);
    });
  }

  it('is reported in one warning: a new store among the files of another program', async () => {
    for (const name of ['index.html', 'notes.txt']) writeFileSync(join(data, name), 'x');
    const warnings = await warningsOf();
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.contain('files=2 first=index.html').and.contain(data);
    expect(await warningsOf(), 'a store that is there').to.deep.equal([]);
  });

  it('no warning: the files that a new disk or a repository has in an empty directory', async () => {
    mkdirSync(join(data, 'lost+found'));
    writeFileSync(join(data, '.gitkeep'), '');
    expect(await warningsOf()).to.deep.equal([]);
  });

  it('another kind of bounds than the image was made with is called harmless, and the image is not called damaged', async () => {
    expect(await warningsOf()).to.deep.equal([]);
    const warnings = await warningsOf('--max-keys', '5');
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.contain('--max-keys').and.contain('no harm').and.not.contain('damaged');
  });
}).timeout(30_000);
