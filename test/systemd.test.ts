// The unit, and the commands in pages of docs/how-to, under a real systemd. It is process 1 of namespaces of its own: a root
// that is laid over the machine's and removed afterwards, a network of its own, and the Debian package installed in it.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

import { expect } from 'chai';

import { pageBlocks, shownPattern } from './support/page-blocks.js';
import { requireProgram, run, skip } from './support/programs.js';
import { temporaryFolder } from './support/servers.js';

const root = join(import.meta.dirname, '../..');

/** $1: an empty directory, $2: the package. Nothing that is mounted here is visible outside. */
const BOOT = `set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
cp "$2" cairn.deb
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --bind /dev dev
chroot . /usr/bin/dpkg -i --force-depends cairn.deb >&2
mkfifo ready
printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c "echo stage is up > /ready"\\n' > etc/systemd/system/stage.service
cat ready >&2 &
exec env container=test chroot . /lib/systemd/systemd --unit=stage.service`;

/** Resolves to the first line that contains the text. */
async function said(source: Interface, text: string): Promise<string> {
  const seen: string[] = [];
  for await (const line of source) {
    if (line.includes(text)) return line;
    seen.push(line);
  }
  throw new Error(`No line said "${text}":\n${seen.join('\n')}`);
}

describe('cairn.service @long', function () {
  this.timeout(300_000);
  let init: ChildProcess | undefined;
  let systemdPid = 0;

  /** Runs a command where that systemd is process 1. */
  async function inside(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await run('nsenter', [...target(), ...words]);
    expect(code, `${words.join(' ')}: ${stdout}${stderr}`).to.equal(0);
    return stdout;
  }

  function target(): string[] {
    return ['--target', String(systemdPid), '--all', '--root', '--wd'];
  }

  before(async function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    for (const program of ['unshare', 'nsenter']) requireProgram(this, program, 'util-linux');
    requireProgram(this, 'systemctl', 'systemd');
    requireProgram(this, 'dpkg-deb', 'dpkg');
    const dir = temporaryFolder();
    const [packages, stage] = [join(dir, 'packages'), join(dir, 'stage')];
    for (const made of [packages, stage]) mkdirSync(made);
    const mount = ['--mount', 'mount', '-t', 'tmpfs', 'none', stage];
    if ((await run('unshare', mount)).code !== 0) skip(this, 'a machine that lets root mount');
    const built = await run(join(root, 'packaging/deb.sh'), [packages], { timeoutMs: 240_000 });
    expect(built.code, built.stderr).to.equal(0);
    const deb = join(packages, readdirSync(packages).join());
    const namespaces = [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--cgroup',
      '--uts',
      '--ipc',
      '--net',
    ];
    init = spawn('unshare', [...namespaces, 'sh', '-c', BOOT, 'sh', stage, deb]);
    const lines = createInterface({ input: init.stderr! });
    init.stdout!.resume();
    await said(lines, 'stage is up');
    const children = await run('pgrep', ['-P', String(init.pid)]);
    systemdPid = Number(children.stdout);
  });
  after(() => void init?.kill('SIGKILL'));

  it('starts, reports that it is ready, comes back after kill -9, reloads and stops', async () => {
    await inside('systemctl', 'start', 'cairn');
    expect(await inside('systemctl', 'show', '--property=StatusText', 'cairn')).to.equal(
      'StatusText=listening on 127.0.0.1:11211\n',
    );
    await inside('kv-client', 'set', 'key', 'value');

    const journal = spawn('nsenter', [...target(), 'journalctl', '-f', '-n', '0', '-u', 'cairn']);
    const news = createInterface({ input: journal.stdout });
    try {
      await inside('systemctl', 'kill', '--signal=KILL', 'cairn');
      expect(await said(news, 'listening on')).to.contain(' cairn[');
    } finally {
      journal.kill('SIGKILL');
    }
    expect(await inside('kv-client', 'get', 'key')).to.contain('value');
    expect(await inside('systemctl', 'show', '--property=NRestarts', 'cairn')).to.equal(
      'NRestarts=1\n',
    );

    await inside('systemctl', 'reload', 'cairn');
    await inside('systemctl', 'restart', 'cairn');
    expect(await inside('kv-client', 'get', 'key')).to.contain('value');
    await inside('systemctl', 'stop', 'cairn');
    expect(await inside('systemctl', 'show', '--property=Result', 'cairn')).to.equal(
      'Result=success\n',
    );
    expect(await inside('stat', '-c', '%U %a', '/var/lib/cairn')).to.equal('cairn 700\n');
    expect(await inside('ls', '/var/lib/cairn')).to.contain('IMAGE');
  });

  // The order matters: the second page restores what the first one installs.
  for (const name of ['run-under-systemd', 'back-up-and-restore']) {
    it(`does what docs/how-to/${name}.md says`, async () => {
      const page = readFileSync(join(root, 'docs/how-to', `${name}.md`), 'utf8');
      const blocks = pageBlocks(page).filter(({ kind }) => kind === 'root');
      expect(blocks).to.have.length.above(2);
      for (const { text, shown } of blocks) {
        const printed = await inside('bash', '-ec', `exec 2>&1\n${text}`);
        if (shown !== undefined) expect(printed.trim()).to.match(shownPattern(shown));
      }
      expect(await inside('kv-client', 'get', 'greeting')).to.equal('hello');
    });
  }
});
