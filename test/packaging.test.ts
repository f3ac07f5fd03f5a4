// The files of packaging/ as operators use them: systemd accepts the unit, the server tells systemd that it is ready, and
// everything that the Dockerfile and the compose file name exists and works. No container is built here.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { expect } from 'chai';

import { requireProgram, run } from './support/programs.js';
import { ServerCommand } from './support/server-command.js';
import { runTool } from './support/tool-run.js';
import { removeFolder } from './support/remove-folder.js';

const root = join(import.meta.dirname, '../..');
const packaging = join(root, 'packaging');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  bin: Record<string, string>;
};

function read(name: string): string {
  return readFileSync(join(packaging, name), 'utf8');
}

/** Returns the variables of `ENV A=1 B=2` in the Dockerfile, or of `A: 'x'` in the compose file. */
function variablesOf(text: string): Record<string, string> {
  const found = text.matchAll(/\b(CAIRN_[A-Z_]+)(?:=|: )'?([^\s']+)/g);
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, value]));
}

function instruction(name: string): string {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  return lines.filter((line) => line.startsWith(`${name} `)).join('\n');
}

/** Prints that it is bound, then what it receives: what systemd would receive. */
const LISTENER = `use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!; bind($s, sockaddr_un($ARGV[0])) or die $!;
$| = 1; print "bound\\n"; recv($s, my $said, 4096, 0); print $said;`;

describe('packaging @long', function () {
  this.timeout(60_000);
  let dir = '';
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'cairn-packaging-'))));
  afterEach(() => removeFolder(dir));

  it('systemd finds no mistake in the unit, and rates its exposure as low', async function () {
    const analyze = requireProgram(this, 'systemd-analyze', 'systemd');
    const unit = join(packaging, 'cairn.service');
    const verified = await run(analyze, ['verify', unit]);
    expect(verified).to.deep.equal({ code: 0, stdout: '', stderr: '' });
    const rated = await run(analyze, ['security', '--offline=yes', '--threshold=20', unit]);
    expect(rated.code, rated.stdout.slice(-200)).to.equal(0);
  });

  it('systemd finds nothing wrong with the unit of the backup, and kv-backup knows its flags', async function () {
    const unit = read('cairn-backup.service');
    const [, flags = ''] =
      /^ExecStart=\/usr\/bin\/env kv-backup \/var\/lib\/cairn (.*)$/m.exec(unit) ?? [];
    const { stdout } = await runTool('kv-backup', ['--help']);
    const named = flags.match(/--[a-z]+/g) ?? [];
    expect(named).to.have.length(3);
    for (const flag of named) expect(stdout.toString()).to.contain(` ${flag} `);
    expect(unit).to.contain('RestartPreventExitStatus=64 70 77\n');
    const analyze = requireProgram(this, 'systemd-analyze', 'systemd');
    const path = join(packaging, 'cairn-backup.service');
    const verified = await run(analyze, ['verify', path]);
    expect(verified).to.deep.equal({ code: 0, stdout: '', stderr: '' });
    const rated = await run(analyze, ['security', '--offline=yes', '--threshold=20', path]);
    expect(rated.code, rated.stdout.slice(-200)).to.equal(0);
  });

  it('the unit does not restart after failures that need a human (docs/errors.md)', () => {
    expect(read('cairn.service')).to.contain('RestartPreventExitStatus=64 65 66 77\n');
    const errors = readFileSync(join(root, 'docs/errors.md'), 'utf8');
    expect(errors).to.contain('Do not restart after 64, 65, 66 and 77');
  });

  it('the server accepts the settings of the unit, which keep the data where the unit allows it', async () => {
    const file = join(packaging, 'cairn.toml');
    const checked = await runTool('kv-server', ['--config', file, '--check-config']);
    expect(checked.code, checked.stderr).to.equal(0);
    const unit = read('cairn.service');
    expect(unit).to.contain('kv-server --config /etc/cairn/cairn.toml');
    expect(unit).to.contain('StateDirectory=cairn\n');
    expect(checked.stdout.toString()).to.match(/^data = "\/var\/lib\/cairn" /m);
    // The settings that are commented out are right too.
    const all = read('cairn.toml').replaceAll(/^# (?=[a-z-]+ = )/gm, '');
    const users = join(dir, 'auth.txt');
    const settings = [...all.matchAll(/^([a-z-]+) = (?:"([^"]*)"|(\d+))$/gm)];
    expect(settings.length).to.be.greaterThan(7);
    const flags = settings
      .filter(([, name]) => name !== 'auth-file')
      .flatMap(([, name = '', text, number]) => [`--${name}`, text ?? number ?? '']);
    const given = await runTool('kv-server', [...flags, '--auth-file', users, '--check-config']);
    expect(given.code, given.stderr).to.equal(0);
  });

  it('the server tells systemd when it listens', async function () {
    requireProgram(this, 'systemd-notify', 'systemd');
    const perl = requireProgram(this, 'perl', 'perl');
    const socket = join(dir, 'notify');
    const listener = spawn(perl, ['-e', LISTENER, socket]);
    let heard = '';
    listener.stdout.on('data', (text: Buffer) => (heard += text.toString()));
    listener.stderr.on('data', (text: Buffer) => (heard += text.toString()));
    await once(listener.stdout, 'data');
    expect(heard).to.equal('bound\n');
    const argv = ['-p', '-1', '--data', join(dir, 'data')];
    const server = new ServerCommand(argv, { NOTIFY_SOCKET: socket });
    const ended = once(listener, 'close');
    const port = await server.port();
    await ended;
    expect(heard).to.contain('READY=1').and.to.contain(`STATUS=listening on 127.0.0.1:${port}`);
    server.child.kill('SIGTERM');
    expect(await server.ended).to.include({ code: 0 });
  });

  it('says what to do when it cannot tell systemd', async () => {
    const argv = ['-p', '-1', '--data', join(dir, 'data')];
    const server = new ServerCommand(argv, { NOTIFY_SOCKET: join(dir, 'nobody') });
    expect(await server.says('Type=exec')).to.contain('systemd was not told');
    server.child.kill('SIGTERM');
    expect(await server.ended).to.include({ code: 0 });
  });

  it('everything that the Dockerfile names exists', () => {
    expect(instruction('COPY')).to.contain('COPY . .').and.to.contain(`/${manifest.name}-*.tgz`);
    expect(existsSync(join(root, 'package-lock.json'))).to.equal(true);
    expect(instruction('ENTRYPOINT')).to.equal('ENTRYPOINT ["kv-server"]');
    expect(manifest.bin).to.have.property('kv-server');
    // Nothing that it leaves out may be needed, and nothing that is needed may be left out.
    for (const needed of ['src', 'tools', 'test', 'benchmarks', 'package-lock.json']) {
      expect(read('Dockerfile.dockerignore').split('\n')).not.to.include(needed);
    }
  });

  it('the health check of the Dockerfile passes while the server serves, and fails after', async () => {
    const variables = variablesOf(instruction('ENV'));
    expect(variables).to.include({ CAIRN_DATA: '/data', CAIRN_LISTEN: '0.0.0.0' });
    expect(instruction('VOLUME')).to.equal('VOLUME /data');
    const server = new ServerCommand(['-p', '-1', '-l', '127.0.0.1'], {
      ...variables,
      CAIRN_HTTP: '-1',
      CAIRN_DATA: join(dir, 'data'),
    });
    const [, port = ''] =
      /http:\/\/127\.0\.0\.1:(\d+)/.exec(await server.says('health and metrics')) ?? [];
    const line = instruction('HEALTHCHECK').replace(`:${variables['CAIRN_HTTP']}/`, `:${port}/`);
    const [node = '', ...words] = JSON.parse(/CMD (\[.*\])/.exec(line)?.[1] ?? '') as string[];
    expect(node).to.equal('node');
    const check = (): number | null => spawnSync(process.execPath, words).status;
    await server.port();
    expect(check()).to.equal(0);
    server.child.kill('SIGTERM');
    expect(await server.ended).to.include({ code: 0 });
    expect(check()).to.equal(1);
  });

  it('everything that the compose file names exists', async () => {
    const text = read('compose.yaml');
    const context = /context: (\S+)/.exec(text)?.[1] ?? '';
    const dockerfile = /dockerfile: (\S+)/.exec(text)?.[1] ?? '';
    expect(resolve(packaging, context)).to.equal(root);
    expect(existsSync(join(resolve(packaging, context), dockerfile))).to.equal(true);
    expect(dirname(dockerfile)).to.equal('packaging');
    expect(text).to.contain(`:${/EXPOSE (\d+)/.exec(read('Dockerfile'))?.[1]}'`);
    const flags = Object.entries(variablesOf(text)).map(
      ([name, value]) =>
        `--${name.slice('CAIRN_'.length).toLowerCase().replaceAll('_', '-')}=${value}`,
    );
    expect(flags.length).to.be.greaterThan(1);
    const checked = await runTool('kv-server', [...flags, '--check-config']);
    expect(checked.code, checked.stderr).to.equal(0);
  });
});
