// A refused start (a port in use, a certificate that cannot be read, files of which no store can be made) left a store, or a
// LOCK, behind in a directory that had none.

import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { ServerCommand } from '../support/server-command.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

describe('A start that is refused in a new directory @long', function () {
  this.timeout(60_000);
  let folder = '';
  let data = '';
  beforeEach(() => {
    folder = temporaryFolder();
    data = join(folder, 'data');
  });
  afterEach(() => removeFolder(folder));

  async function refused(...argv: string[]): Promise<number | null> {
    const server = new ServerCommand(['-l', '127.0.0.1', '--data', data, ...argv]);
    return (await server.ended).code;
  }

  it('leaves nothing when something other than the data is wrong', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as net.AddressInfo;
    const missing = join(folder, 'missing/file');
    const tls = ['-Z', '-o', `ssl_chain_cert=${missing},ssl_key=${missing}`];
    const cases: readonly (readonly [readonly string[], number])[] = [
      [['-p', String(port)], EXIT.system],
      [['-p', '-1', ...tls], EXIT.usage],
      [['-p', '-1', '-Y', missing], EXIT.usage],
      [['-s', missing], EXIT.system],
      [['-p', '-1', '--compact-ratio', '7'], EXIT.usage],
    ];
    for (const [argv, code] of cases) {
      expect(await refused(...argv), argv.join(' ')).to.equal(code);
      expect(fs.readdirSync(folder), argv.join(' ')).to.deep.equal([]);
    }
    other.close();
  });

  it('leaves the files that it found, and no LOCK, where no store can be made', async () => {
    fs.mkdirSync(data);
    const segment = join(data, '0000000002-0000.seg');
    fs.writeFileSync(segment, 'of another');
    expect(await refused('-p', '-1')).to.equal(EXIT.damage);
    expect(fs.readdirSync(data)).to.deep.equal(['0000000002-0000.seg']);
    expect(fs.readFileSync(segment, 'utf8')).to.equal('of another');
    fs.rmSync(segment);
    fs.mkdirSync(join(data, 'MANIFEST'));
    expect(await refused('-p', '-1')).to.equal(EXIT.damage);
    expect(fs.readdirSync(data)).to.deep.equal(['MANIFEST']);
  });
});
