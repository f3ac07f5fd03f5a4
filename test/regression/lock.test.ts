// A file system that cannot lock, or a flock(1) that was killed, was once reported as another server that has the
// directory: whoever read the message looked for a process that did not exist.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../src/env/node-env.js';
import { isKvError } from '../../src/errors.js';
import { skip } from '../support/programs.js';
import { QuietLogger } from '../support/quiet-logger.js';
import { removeFolder } from '../support/remove-folder.js';

describe('lock() of the real environment @long', () => {
  const before = process.env['PATH'];
  let dir = '';

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-lock-'));
  });
  afterEach(() => {
    process.env['PATH'] = before;
    removeFolder(dir);
  });

  async function refusal(): Promise<unknown> {
    const { fs } = nodeEnv(new QuietLogger());
    return fs.lock(join(dir, 'LOCK')).catch((error: unknown) => error);
  }

  it('lock() fails with KV_LOCKED when another process has the lock', async () => {
    const { fs } = nodeEnv(new QuietLogger());
    const lock = await fs.lock(join(dir, 'LOCK'));
    expect(isKvError(await refusal(), 'KV_LOCKED')).to.equal(true);
    await lock.release();
  });

  for (const [what, script, words] of [
    ['locks are not to be had', 'echo "flock: 3: No locks available" >&2; exit 71', 'No locks'],
    ['busybox fails, with the 1 of a lock that is taken', 'echo "flock: EIO" >&2; exit 1', 'EIO'],
    ['flock is killed', 'kill -9 $$', 'SIGKILL'],
  ] as const) {
    it(`lock() fails with KV_IO and the reason when ${what}`, async () => {
      writeFileSync(join(dir, 'flock'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(dir, 'flock'), 0o755);
      process.env['PATH'] = `${dir}:${before}`;
      const error = await refusal();
      expect(isKvError(error, 'KV_IO')).to.equal(true);
      expect(String(error)).to.contain(words).and.contain(dir);
    });
  }

  it('the removal of LOCK by hand does not free the directory, nor does another name of the directory', async () => {
    const { fs } = nodeEnv(new QuietLogger());
    const lock = await fs.lock(join(dir, 'LOCK'));
    rmSync(join(dir, 'LOCK'));
    expect(isKvError(await refusal(), 'KV_LOCKED')).to.equal(true);
    const link = `${dir}.link`;
    symlinkSync(dir, link);
    const error = await fs.lock(join(link, 'LOCK')).catch((thrown: unknown) => thrown);
    rmSync(link);
    expect(isKvError(error, 'KV_LOCKED')).to.equal(true);
    await lock.release();
    await (await fs.lock(join(dir, 'LOCK'))).release();
  });

  it('a process that locks only LOCK (as older releases do) or only the directory keeps the directory', async () => {
    writeFileSync(join(dir, 'LOCK'), '');
    for (const path of [join(dir, 'LOCK'), dir]) {
      const other = spawn('flock', ['-xn', path, 'sh', '-c', 'echo held; read line']);
      await once(other.stdout, 'data');
      const error = await refusal();
      other.stdin.end('\n');
      await once(other, 'exit');
      expect(isKvError(error, 'KV_LOCKED'), path).to.equal(true);
      await (await nodeEnv(new QuietLogger()).fs.lock(join(dir, 'LOCK'))).release();
    }
  });

  it('a copy whose LOCK is the same file is refused with that reason', async () => {
    const copy = join(dir, 'copy');
    mkdirSync(copy);
    const { fs } = nodeEnv(new QuietLogger());
    const lock = await fs.lock(join(dir, 'LOCK'));
    linkSync(join(dir, 'LOCK'), join(copy, 'LOCK'));
    const error = await fs.lock(join(copy, 'LOCK')).catch((thrown: unknown) => thrown);
    await lock.release();
    expect(isKvError(error, 'KV_LOCKED')).to.equal(true);
    expect(String(error)).to.contain('LOCK has 2 names').and.contain('cp -al');
  });

  for (const [what, make] of [
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync(`${path}.elsewhere`, path)],
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
  ] as const) {
    it(`a LOCK that is ${what} is refused at once, by name, and left alone`, async () => {
      make(join(dir, 'LOCK'));
      const look = () => {
        // A new file may get the inode number of the removed one, but not its time of change.
        const { mode, ino, ctimeNs } = lstatSync(join(dir, 'LOCK'), { bigint: true });
        return [mode, ino, ctimeNs, ...readdirSync(dir, { recursive: true })];
      };
      const before = look();
      const { fs } = nodeEnv(new QuietLogger());
      for (const mode of ['create', 'existing'] as const) {
        const error = await fs.lock(join(dir, 'LOCK'), mode).catch((thrown: unknown) => thrown);
        expect(isKvError(error, 'KV_IO'), mode).to.equal(true);
        expect(String(error)).to.contain('no regular file');
      }
      expect(look()).to.deep.equal(before);
    });
  }

  it('lock() locks LOCK alone, with one warning, on a file system without locks for directories', async () => {
    // This flock refuses descriptor 3, the directory, as NFS does.
    const fake = `[ "$2" = 3 ] && { echo "flock: 3: Bad file descriptor" >&2; exit 65; }`;
    const bin = mkdtempSync(join(tmpdir(), 'cairn-flock-'));
    const real = execFileSync('sh', ['-c', 'command -v flock'], { encoding: 'utf8' }).trim();
    writeFileSync(join(bin, 'flock'), `#!/bin/sh\n${fake}\nexec ${real} "$@"\n`);
    chmodSync(join(bin, 'flock'), 0o755);
    process.env['PATH'] = `${bin}:${before}`;
    const logger = new QuietLogger();
    const lock = await nodeEnv(logger).fs.lock(join(dir, 'LOCK'));
    expect(
      logger.lines.filter(({ message }) => message.includes('Bad file descriptor')),
    ).to.have.length(1);
    expect(isKvError(await refusal(), 'KV_LOCKED')).to.equal(true);
    await lock.release();
    removeFolder(bin);
  });

  it('lock() fails with KV_NO_PERMISSION, the path and the next step when LOCK may not be opened', async function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    const path = join(dir, 'LOCK');
    chmodSync(dir, 0o755);
    writeFileSync(path, '', { mode: 0o600 });
    process.seteuid?.('nobody');
    const error = await refusal().finally(() => process.seteuid?.(0));
    expect(isKvError(error, 'KV_NO_PERMISSION')).to.equal(true);
    expect(String(error)).to.contain(path).and.contain('give it and its directory to the user');
  });

  it('lock() with existing locks the directory and makes no LOCK', async () => {
    const { fs } = nodeEnv(new QuietLogger());
    const lock = await fs.lock(join(dir, 'LOCK'), 'existing');
    expect(readdirSync(dir)).to.deep.equal([]);
    expect(isKvError(await refusal(), 'KV_LOCKED')).to.equal(true);
    await lock.release();
  });

  it('lock() reports a missing flock(1)', async () => {
    const shell = execFileSync('sh', ['-c', 'command -v sh'], { encoding: 'utf8' }).trim();
    symlinkSync(shell, join(dir, 'sh'));
    process.env['PATH'] = dir;
    const error = await refusal();
    expect(isKvError(error, 'KV_IO')).to.equal(true);
    expect(String(error)).to.contain('install flock(1)');
  });
});
