// A backup directory from which somebody has removed a file, or a part of one: no backup is built on it, and a restore
// names the missing file unless it does not need that file.

import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../../src/env/node-env.js';
import { backUp, type BackupReport } from '../../../../src/offline/backup/backup-store.js';
import { checkBackup } from '../../../../src/offline/backup/backup-check.js';
import { openReader } from '../../../../src/offline/backup/backup-reader.js';
import type { DurableStore } from '../../../../src/store/durable-store.js';
import { openStore } from '../../../../src/store/open-store.js';
import { put } from '../../../support/data-directory.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { temporaryFolder } from '../../../support/servers.js';
import { removeFolder } from '../../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());
const LARGE = Buffer.alloc(1024 * 1024 + 1, 'B');

describe('A backup directory that lacks a file', () => {
  let root = '';
  let to = '';
  let store: DurableStore;

  beforeEach(async () => {
    root = temporaryFolder();
    to = join(root, 'backup');
    store = await openStore(env, join(root, 'data'), { snapshot: 'never', compactRatio: 0.99 });
    await put(store, 'a', 'one');
    await put(store, 'big', LARGE);
    await taken();
  });
  afterEach(async () => {
    await store.close();
    removeFolder(root);
  });

  function taken(): Promise<BackupReport> {
    return backUp(env, join(root, 'data'), to, {
      isServed: () => Promise.resolve(false),
      keepMs: Number.POSITIVE_INFINITY,
    });
  }

  function the(ending: string): string {
    return join(
      to,
      readdirSync(to).find((name) => name.endsWith(ending))!,
    );
  }

  for (const ending of ['.val', '.seg']) {
    it(`names the missing ${ending} file, and makes no backup on it`, async () => {
      const path = the(ending);
      rmSync(path);
      await put(store, 'b', 'two');
      await expectDamage(taken(), path, 'is missing; begin a new backup directory');
      await expectDamage(openReader(env, to), path, 'is missing');
      await expectDamage(checkBackup(env, to), path, 'is missing');
    });
  }

  it('says that a segment has become shorter, and does not take it for another store', async () => {
    const path = the('.seg');
    truncateSync(path, statSync(path).size - 64);
    await put(store, 'b', 'two');
    await expectDamage(taken(), path, 'is shorter than');
  });

  it('gives the newest state without a file that only earlier backups need', async () => {
    const path = the('.seg');
    await store.compact({ everything: true });
    await taken();
    rmSync(path);
    const reader = await openReader(env, to);
    expect(reader.count()).to.equal(2);
    await reader.close();
    await expectDamage(openReader(env, to, { kind: 'seq', seq: 1 }), path, 'is missing');
  });
});

async function expectDamage(work: Promise<unknown>, path: string, what: string): Promise<void> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).to.include({ code: 'KV_CORRUPTION', path });
  expect(String(error)).to.contain(what);
}
