// backUp() into a directory that holds the backups of one store: a copy of that store that was written to, and an older
// state of that store, are refused, and the existing backups stay good.

import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../../src/env/node-env.js';
import { backUp, type BackupReport } from '../../../../src/offline/backup/backup-store.js';
import { checkBackup } from '../../../../src/offline/backup/backup-check.js';
import { openStore } from '../../../../src/store/open-store.js';
import { put } from '../../../support/data-directory.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { temporaryFolder } from '../../../support/servers.js';
import { removeFolder } from '../../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());

describe('backUp() into a directory with backups', () => {
  let root = '';
  let dir = '';
  let to = '';

  beforeEach(async () => {
    root = temporaryFolder();
    dir = join(root, 'data');
    to = join(root, 'backup');
    await write(dir, 'first', 3);
  });
  afterEach(() => removeFolder(root));

  function attempt(from: string): Promise<unknown> {
    return taken(from, to).catch((error: unknown) => error);
  }

  it('refuses an older state of the store', async () => {
    cpSync(dir, join(root, 'older'), { recursive: true });
    await write(dir, 'second', 3);
    const { manifest } = await taken(dir, to);
    expect(String(await attempt(join(root, 'older')))).to.contain('put back to an earlier state');
    expect(await checkBackup(env, to)).to.have.property('seq', manifest.seq);
  });

  it('refuses a copy of the store that has other writes', async () => {
    cpSync(dir, join(root, 'copy'), { recursive: true });
    await write(dir, 'second', 3);
    await taken(dir, to);
    await write(join(root, 'copy'), 'other', 9);
    expect(await attempt(join(root, 'copy'))).to.have.property('code', 'KV_BAD_OPTION');
    await write(dir, 'third', 1);
    await taken(dir, to);
    await checkBackup(env, to);
  });

  it('refuses another store, and creates nothing when there is no store', async () => {
    await taken(dir, to);
    await write(join(root, 'another'), 'x', 9);
    expect(String(await attempt(join(root, 'another')))).to.contain('another store');
    expect(await attempt(join(root, 'none'))).to.have.property('code', 'KV_NOT_A_STORE');
    const elsewhere = join(root, 'elsewhere');
    await taken(join(root, 'none'), elsewhere).catch(() => undefined);
    expect(existsSync(elsewhere)).to.equal(false);
  });

  it('refuses a second backup at the same time', async () => {
    await env.fs.makeDir(to);
    const lock = await env.fs.lock(join(to, 'LOCK'));
    const refused = await attempt(dir);
    await lock.release();
    expect(refused).to.have.property('code', 'KV_LOCKED');
    expect(String(refused)).to.contain('Another backup is being made');
    await taken(dir, to);
  });

  it('goes on in a new file when the existing file has a second name, and changes no other directory', async () => {
    await taken(dir, to);
    const shared = join(root, 'shared');
    cpSync(to, shared, { recursive: true });
    removeFolder(to);
    // Makes the directory as cp -al does.
    await env.fs.makeDir(to);
    for (const name of readdirSync(shared)) await env.fs.link(join(shared, name), join(to, name));
    await write(dir, 'second', 3);
    await taken(dir, to);
    await checkBackup(env, to);
    await checkBackup(env, shared);
    expect(readdirSync(shared).filter((name) => name.endsWith('.json'))).to.have.length(1);
  });
});

function taken(from: string, to: string): Promise<BackupReport> {
  return backUp(env, from, to, {
    isServed: () => Promise.resolve(false),
    keepMs: Number.POSITIVE_INFINITY,
  });
}

/** Opens the store, stores `count` values and closes it. */
async function write(dir: string, value: string, count: number): Promise<void> {
  const store = await openStore(env, dir, { snapshot: 'never' });
  for (let n = 0; n < count; n += 1) await put(store, `k${n}`, `${value} ${n}`);
  await store.close();
}
