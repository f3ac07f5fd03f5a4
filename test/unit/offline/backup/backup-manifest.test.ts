// The manifest of a backup, its bytes and names: it is read as it was written, and refused when damaged or newer.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { expect } from 'chai';

import { nodeEnv } from '../../../../src/env/node-env.js';
import {
  backupManifestName,
  composeBackupManifest,
  filesOf,
  kindOfBackupName,
  newestBackup,
  type BackupManifest,
} from '../../../../src/offline/backup/backup-manifest.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { temporaryFolder } from '../../../support/servers.js';
import { removeFolder } from '../../../support/remove-folder.js';

const { fs } = nodeEnv(new QuietLogger());
const PLACE = { first: 3, last: 7, generation: 2, salt: 0xabcdef, horizon: 9 };
const LARGE = { id: 42, salt: 5, bytes: 70, crc: 6 };
const MANIFEST: BackupManifest = {
  storeId: '00'.repeat(16),
  seq: 12,
  atMs: 1_700_000_000_000,
  segments: [{ ...PLACE, bytes: 100, crc: 1 }],
  past: [{ ...PLACE, salt: 2, bytes: 50, crc: 3, replacedSeq: 8, replacedMs: 4 }],
  large: [LARGE],
  pastLarge: [{ ...LARGE, id: 41, replacedMs: 4 }],
};
const NAME = 'backup-000000000000012-001700000000000.json';

describe('The manifest of a backup', () => {
  let dir = '';
  beforeEach(() => (dir = temporaryFolder()));
  afterEach(() => removeFolder(dir));

  function failure(text: string): Promise<unknown> {
    writeFileSync(join(dir, NAME), text);
    return newestBackup(fs, dir).catch((error: unknown) => error);
  }

  it('is read back as it was written, and of several the newest', async () => {
    expect(await newestBackup(fs, dir)).to.equal(undefined);
    for (const seq of [12, 2, 7]) {
      const manifest = { ...MANIFEST, seq };
      writeFileSync(join(dir, backupManifestName(manifest)), composeBackupManifest(manifest));
    }
    expect(backupManifestName(MANIFEST)).to.equal(NAME);
    expect(await newestBackup(fs, dir)).to.deep.equal(MANIFEST);
  });

  it('names each file by its kind and contents', () => {
    expect([...filesOf(MANIFEST)].map(([name, { bytes }]) => [name, bytes])).to.deep.equal([
      ['0000000007-0002-00abcdef.seg', 100],
      ['0000000007-0002-00000002.seg', 50],
      ['000000000000042-00000005.val', 70],
      ['000000000000041-00000005.val', 70],
    ]);
    for (const name of filesOf(MANIFEST).keys()) expect(kindOfBackupName(name)).to.equal('file');
    expect(kindOfBackupName(NAME)).to.equal('manifest');
    expect(kindOfBackupName(`${NAME}.cairn-1f.tmp`)).to.equal('temporary');
    for (const name of ['MANIFEST', '0000000007-0002.seg', 'mine.cairn-1f.tmp', 'backup-1-2.json'])
      expect(kindOfBackupName(name), name).to.equal(undefined);
  });

  it('is refused when a bit is wrong, and when a newer release wrote it', async () => {
    const text = composeBackupManifest(MANIFEST);
    for (let at = 0; at < text.trimEnd().length; at += 7) {
      const bytes = Buffer.from(text);
      bytes[at] = bytes[at]! ^ 1;
      expect(await failure(bytes.toString('latin1')), `byte ${at}`).to.have.property(
        'code',
        'KV_CORRUPTION',
      );
    }
    const line = text.split('\n')[0]!.replace('"version":1', '"version":2');
    const newer = `${line}\ncrc32 ${crc32(line).toString(16).padStart(8, '0')}\n`;
    expect(await failure(newer)).to.have.property('code', 'KV_FORMAT_VERSION');
  });
});
