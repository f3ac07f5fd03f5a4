// The pid file was once written through a link and over any file, and the stop removed whatever had come in its place.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { ServerCommand } from '../support/server-command.js';
import { removeFolder } from '../support/remove-folder.js';

describe('The pid file @long', () => {
  let root = '';
  let pidFile = '';
  const started: ServerCommand[] = [];
  const serve = (): ServerCommand => {
    const server = new ServerCommand(['-p', '-1', '--data', join(root, 'data'), '-P', pidFile]);
    started.push(server);
    return server;
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-pid-'));
    pidFile = join(root, 'pid');
  });
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    removeFolder(root);
  });

  it('is not written through a link, onto another file or a directory', async () => {
    const victim = join(root, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, pidFile);
    for (const what of ['link', 'file', 'directory']) {
      const { code, stderr } = await serve().ended;
      expect(code, what).to.equal(EXIT.usage);
      expect(stderr, what).to.contain(pidFile).and.contain('-P');
      expect(readFileSync(victim, 'utf8'), what).to.equal('precious');
      if (what === 'link') expect(readlinkSync(pidFile)).to.equal(victim);
      if (what === 'file') expect(readFileSync(pidFile, 'utf8')).to.equal('not a pid\n');
      if (what === 'directory') break;
      rmSync(pidFile);
      if (what === 'link') writeFileSync(pidFile, 'not a pid\n');
      else mkdirSync(pidFile);
    }
  });

  it('has no name that a store gives its own files, in any directory', async () => {
    const other = join(root, 'other');
    mkdirSync(other);
    const data = join(root, 'data');
    const names = ['LOCK', '0000000009-0000.seg', 'MANIFEST.cairn-1.tmp', 'control.sock'];
    for (const name of names) {
      pidFile = join(other, name);
      const { code, stderr } = await serve().ended;
      expect([code, stderr.includes('-P') && stderr.includes(pidFile)]).to.deep.equal([
        EXIT.usage,
        true,
      ]);
    }
    const socket = new ServerCommand(['-s', join(other, 'LOCK'), '--data', data]);
    started.push(socket);
    expect((await socket.ended).code).to.equal(EXIT.usage);
    expect(readdirSync(other)).to.deep.equal([]);
    expect(existsSync(data), 'nothing was opened').to.equal(false);
  });

  it('replaces the file of a killed server, and is removed only when it holds the id of its server', async () => {
    writeFileSync(pidFile, '12345\n');
    const server = serve();
    await server.port();
    expect(readFileSync(pidFile, 'utf8')).to.equal(`${server.child.pid}\n`);
    writeFileSync(pidFile, '54321\n');
    server.child.kill('SIGTERM');
    expect((await server.ended).code).to.equal(EXIT.ok);
    expect(readFileSync(pidFile, 'utf8')).to.equal('54321\n');
  });
}).timeout(30_000);
