// The runtime cuts the path of a unix socket off at 107 bytes. With a longer one, `-s` listened at another place or reported
// that the address is in use, and a tool talked to whatever server was there.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { temporaryFolder } from '../support/servers.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

describe('A unix socket whose path is longer than the kernel takes', () => {
  let root = '';
  let path = '';
  beforeEach(() => {
    root = temporaryFolder();
    mkdirSync(join(root, 'sockets'));
    path = join(root, 'sockets', 's'.repeat(120));
    writeFileSync(join(root, 'dump'), '{"key":"a","value":"1"}\n');
  });
  afterEach(() => removeFolder(root));

  const commands: readonly (readonly [string, (path: string, root: string) => string[]])[] = [
    ['kv-server', (socket, dir) => ['-s', socket, '--data', join(dir, 'data')]],
    ['kv-client', (socket) => [socket, 'version']],
    ['kv-dump', (socket) => [`memcached://${socket}`]],
    ['kv-load', (socket, dir) => [`memcached://${socket}`, join(dir, 'dump'), '--partial']],
  ];
  for (const [tool, argsOf] of commands) {
    it(`${tool} refuses it and names the longest allowed length`, async () => {
      const { code, stderr } = await runTool(tool, argsOf(path, root));
      expect(code, stderr).to.equal(EXIT.usage);
      expect(stderr).to.contain('at most 107 bytes');
      expect(readdirSync(join(root, 'sockets'))).to.deep.equal([]);
      expect(existsSync(join(root, 'data/MANIFEST'))).to.equal(false);
    });
  }
});
