// A backup as a tar archive on a stream: `tar xf` makes a backup directory of it (docs/format.md, "Backup").
//
// Invariant: the manifest comes last, so that an archive that was cut short does not pass for a backup.

import { once } from 'node:events';
import { crc32 } from 'node:zlib';

import { pack, type Pack } from 'tar-stream';

import type { File } from '../../src/env/env.js';
import { KvError } from '../../src/errors.js';
import {
  backupLargeName,
  backupManifestName,
  backupSegmentName,
  composeBackupManifest,
  type BackupManifest,
  type Checked,
} from '../../src/offline/backup/backup-manifest.js';
import type { Pace } from '../../src/offline/backup/pace.js';
import type {
  BackupSink,
  PooledLarge,
  PooledSegment,
  SourceFile,
} from '../../src/offline/backup/pool.js';
import { checkLargeFile, checkSegmentBytes } from '../../src/offline/backup/source-check.js';

const CHUNK_BYTES = 1024 * 1024;
const FILE_RIGHTS = 0o600;

export class TarSink implements BackupSink {
  readonly #pack: Pack = pack();
  readonly #pace: Pace;
  readonly #done: Promise<void>;
  readonly #known = new Map<string, Checked>();
  readonly #now = new Date();

  constructor(write: (chunk: Uint8Array) => Promise<void>, pace: Pace) {
    this.#pace = pace;
    this.#done = flow(this.#pack, write);
    // The writer of an entry gets the same failure.
    this.#done.catch(() => undefined);
  }

  hasLarge(id: number, salt: number): boolean {
    return this.#known.has(backupLargeName({ id, salt }));
  }

  async putSegment(place: PooledSegment, { file, bytes }: SourceFile): Promise<Checked> {
    await checkSegmentBytes(file, place.salt, bytes, 0, this.#pace);
    return this.#put(backupSegmentName(place), file, bytes);
  }

  async putLarge(place: PooledLarge, file: File): Promise<Checked> {
    const name = backupLargeName(place);
    return (
      this.#known.get(name) ?? this.#put(name, file, await checkLargeFile(file, place, this.#pace))
    );
  }

  /** Ends the archive and resolves when the output has all of it. */
  async finish(manifest: BackupManifest): Promise<void> {
    const bytes = Buffer.from(composeBackupManifest(manifest));
    this.#pack.entry(this.#header(backupManifestName(manifest), bytes.length), bytes);
    this.#pack.finalize();
    await this.#done;
  }

  async #put(name: string, file: File, bytes: number): Promise<Checked> {
    const entry = this.#pack.entry(this.#header(name, bytes));
    let crc = 0;
    for (let at = 0; at < bytes;) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes - at));
      const count = await file.read(chunk, at);
      if (count !== chunk.length) {
        const message = 'The file became shorter while it was copied';
        throw new KvError('KV_CORRUPTION', message, { path: file.path, offset: at + count });
      }
      crc = crc32(chunk, crc);
      if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), this.#done]);
      at += count;
      await this.#pace.rest();
    }
    entry.end();
    const checked = { bytes, crc };
    this.#known.set(name, checked);
    return checked;
  }

  #header(name: string, size: number): { name: string; size: number; mode: number; mtime: Date } {
    return { name, size, mode: FILE_RIGHTS, mtime: this.#now };
  }
}

async function flow(from: Pack, write: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  for await (const chunk of from) await write(chunk);
}
