// The Debian package: lintian finds nothing, and in a root of its own the package is installed, serves, is upgraded and is
// removed.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { ServerProcess } from '../tools/torture/server-process.js';
import { WireClient } from '../tools/torture/wire-client.js';
import { httpUrlOf, pageFiles } from './support/http-client.js';
import { requireProgram, run, skip } from './support/programs.js';
import { temporaryFolder } from './support/servers.js';

const root = join(import.meta.dirname, '../..');

describe('the Debian package @long', function () {
  this.timeout(300_000);
  let deb = '';
  before(async function () {
    requireProgram(this, 'dpkg-deb', 'dpkg');
    const dir = temporaryFolder();
    const built = await run(join(root, 'packaging/deb.sh'), [dir], { timeoutMs: 240_000 });
    expect(built.code, built.stderr).to.equal(0);
    deb = join(dir, readdirSync(dir).join());
  });

  it('lintian finds nothing', async function () {
    const lintian = requireProgram(this, 'lintian', 'lintian');
    const done = await run(lintian, ['--allow-root', '--fail-on', 'error,warning', deb]);
    expect(done.stdout).to.equal('');
    expect(done.code, done.stderr).to.equal(0);
  });

  it('is installed, serves, keeps its settings in an upgrade, and is removed', async function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    requireProgram(this, 'systemd-sysusers', 'systemd');
    const into = temporaryFolder();
    for (const name of ['updates', 'info']) {
      mkdirSync(join(into, 'var/lib/dpkg', name), { recursive: true });
    }
    writeFileSync(join(into, 'var/lib/dpkg/status'), '');
    const dpkg = async (...words: string[]): Promise<void> => {
      const log = `--log=${join(into, 'log')}`;
      // That root has no Node: the one outside runs the programs.
      const force = ['--force-depends', '--force-script-chrootless'];
      const done = await run('/usr/bin/dpkg', [`--root=${into}`, log, ...force, ...words]);
      expect(done.code, done.stderr).to.equal(0);
    };
    await dpkg('-i', deb);
    expect(readFileSync(join(into, 'etc/passwd'), 'utf8')).to.match(/^cairn:/m);
    const server = await ServerProcess.start({
      command: join(into, 'usr/bin/kv-server'),
      args: ['-l', '127.0.0.1', '-p', '-1', '--http', '-1', '--data', join(into, 'data')],
    });
    const client = await WireClient.connect(server.port);
    expect(await client.line('set k 0 0 1\r\nv\r\n')).to.equal('STORED');
    client.close();
    const files = await pageFiles(await httpUrlOf(server));
    expect(files.size).to.be.above(20);
    expect([...files].filter(([, status]) => status !== 200)).to.deep.equal([]);
    expect(await server.stop()).to.deep.equal({ code: 0, signal: null });
    for (const tool of readdirSync(join(into, 'usr/bin'))) {
      const help = await run(join(into, 'usr/bin', tool), ['--help']);
      expect(help.code, `${tool}: ${help.stderr}`).to.equal(0);
    }

    const settings = join(into, 'etc/cairn/cairn.toml');
    appendFileSync(settings, 'max-keys = 5\n');
    const command = join(into, 'usr/bin/kv-server');
    const checked = await run(command, ['--config', settings, '--check-config']);
    expect(checked.stdout, checked.stderr).to.contain('max-keys = 5 ');
    await dpkg('-i', deb);
    expect(readFileSync(settings, 'utf8')).to.contain('max-keys = 5\n');

    await dpkg('-r', 'cairn-kv');
    expect(existsSync(join(into, 'usr'))).to.equal(false);
    expect(existsSync(settings)).to.equal(true);
    await dpkg('--purge', 'cairn-kv');
    expect(existsSync(settings)).to.equal(false);
  });
});
