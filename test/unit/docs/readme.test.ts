// README.md against the program: its examples run as they are shown.

import { expect } from 'chai';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../../support/free-port.js';
import { PROJECT_DIR } from '../../support/golden-file.js';
import { pageBlocks } from '../../support/page-blocks.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { removeFolder } from '../../support/remove-folder.js';
import { requireProgram, run } from '../../support/programs.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';

const README = readFileSync(join(PROJECT_DIR, 'README.md'), 'utf8');

describe('README.md, the library example', () => {
  it('runs as README.md shows it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-readme-'));
    const [, code = ''] = /```js\n(import \{ open \} from 'cairn-kv';[^]*?)```/.exec(README) ?? [];
    const library = new URL('../../../src/index.js', import.meta.url).href;
    const script = code
      .replace("'cairn-kv'", `'${library}'`)
      .replace("'./cairn-data'", JSON.stringify(join(dir, 'data')));
    expect(script).to.include(library).and.to.include(dir);
    writeFileSync(join(dir, 'example.mjs'), script);
    const { code: exit, stdout } = await run(process.execPath, [join(dir, 'example.mjs')]);
    removeFolder(dir);
    expect([exit, stdout]).to.deep.equal([0, 'hello\ngreeting\nvisits\n']);
  });
});

/** Stands in for netcat, which not every machine has: `nc -z` checks whether somebody listens. */
const NC = `#!/bin/bash
[ "$1" = -z ] && { exec 3<>"/dev/tcp/$2/$3"; exit; } 2>/dev/null
exec 3<>"/dev/tcp/$1/$2" && cat >&3 && cat <&3
`;

const [DEMO = '', START, ...EXAMPLES] = pageBlocks(README)
  .filter(({ kind }) => kind === 'pasted')
  .map(({ text }) => text);

describe('README.md, the first lines @long', () => {
  let clone = '';
  before(function () {
    requireProgram(this, 'npm', 'npm');
    clone = temporaryFolder();
    mkdirSync(join(clone, 'data'));
    symlinkSync(join(PROJECT_DIR, 'dist'), join(clone, 'dist'));
    // npm start runs without the build, which is done.
    const scripts = { start: 'exec node dist/tools/kv-server.js' };
    writeFileSync(join(clone, 'package.json'), JSON.stringify({ name: 'clone', scripts }));
  });
  after(() => {
    process.kill(Number(readFileSync(join(clone, 'data/cairn.pid'), 'utf8')), 'SIGKILL');
    removeFolder(clone);
  });

  it('store a value, kill the server, start it again and find the value', async () => {
    expect(DEMO.trim().split('\n')).to.have.length(3);
    const environment = `export CAIRN_PORT=${await freePort()} npm_config_loglevel=silent\n`;
    const done = await run('bash', ['-ec', environment + DEMO], { cwd: clone });
    expect(done.code, done.stderr).to.equal(0);
    expect(done.stdout.trim().split('\n')).to.deep.equal(['STORED', 'hello']);
    expect(done.stderr).to.contain(' 0 keys recovered').and.contain(' 1 key recovered');
  });
}).timeout(60_000);

describe('README.md, the shell commands after the quick start @long', () => {
  let dir = '';
  let server: ServerProcess;
  let plainPort = 0;

  before(async () => {
    dir = temporaryFolder();
    writeFileSync(join(dir, 'nc'), NC, { mode: 0o755 });
    // The commands run in a directory of their own, where data and dist lie side by side as in a clone.
    mkdirSync(join(dir, 'clone'));
    symlinkSync(join(PROJECT_DIR, 'dist'), join(dir, 'clone/dist'));
    server = await ServerProcess.start(cairnLaunch(join(dir, 'clone/data')));
    plainPort = await freePort();
  });
  after(async () => {
    await server.stop();
    removeFolder(dir);
  });

  it('begins with the quick start', () => {
    expect(START).to.equal('npm start\n');
    expect(EXAMPLES).to.have.length.above(3);
    expect(EXAMPLES.join('')).to.contain('gaduValue').and.contain('greeting');
  });

  for (const text of EXAMPLES) {
    it(`works: ${text.trim().split('\n').at(0)}`, async () => {
      const script = text
        .replaceAll('11211', String(server.port))
        .replaceAll('11212', String(plainPort));
      const environment = `export PATH="${dir}:$PATH" CAIRN_PORT=${server.port} TMPDIR="${dir}"\n`;
      const done = await run('bash', ['-ec', environment + script], { cwd: join(dir, 'clone') });
      expect(done.code, done.stderr).to.equal(0);
      if (text.includes('gaduValue'))
        expect(done.stdout.replaceAll('\r', '')).to.equal(
          'STORED\nVALUE test 9\ngaduValue\nEND\nNot-Exists\n',
        );
      if (text.includes('greeting')) expect(done.stdout).to.contain('STORED').and.contain('hello');
    });
  }

  it('leave nothing in a clone that git or the check of the format would find', () => {
    const ignored = readFileSync(join(PROJECT_DIR, '.gitignore'), 'utf8').split('\n');
    const left = readdirSync(join(dir, 'clone')).filter((name) => !['data', 'dist'].includes(name));
    expect(left).to.include.members(['backup', 'table.csv']);
    expect(ignored).to.include.members(left.map((name) => `/${name}`));
  });
}).timeout(60_000);
