// Composes a snapshot out of entries as they come, and puts one into a file as a whole or not at all.
// The server's snapshot.json, kv-compact --snapshot and kv-dump all come from here: one writer.
//
// Invariants:
// - Memory: one chunk, and a piece of a large value.
// - The file appears under its name complete and synced, or not at all; what was there stays until then.
// - Every large value is released, also after a failure.

import { basename, dirname, join } from 'node:path';

import type { File, Fs } from '../env/env.js';
import { TEMPORARY_SUFFIX } from '../log/files.js';
import { writeFully } from '../log/whole-file.js';
import { SnapshotComposer } from './snapshot-format.js';
import type { EntryHead, SnapshotForm, SnapshotHeader } from './snapshot-format.js';
import type { LargeValue, SnapshotReport, Value } from './store.js';

const CHUNK_BYTES = 256 * 1024;
/** A multiple of 3, so that base64 needs no carry. */
const PIECE_BYTES = 768 * 1024;

/** An entry to export; without a value it is only listed. */
export interface SnapshotItem extends EntryHead {
  readonly value: Value | undefined;
}

export type SnapshotItems = AsyncIterable<SnapshotItem> | Iterable<SnapshotItem>;

/** The text, in chunks that the consumer owns. The composer knows the count afterwards. */
export async function* composeSnapshot(
  composer: SnapshotComposer,
  header: SnapshotHeader,
  items: SnapshotItems,
): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [composer.header(header)];
  let bytes = gathered[0]!.length;
  for await (const item of items) {
    for await (const piece of composeItem(composer, item)) {
      gathered.push(piece);
      bytes += piece.length;
      if (bytes < CHUNK_BYTES) continue;
      yield Buffer.concat(gathered, bytes);
      gathered = [];
      bytes = 0;
    }
  }
  yield Buffer.concat([...gathered, composer.trailer()]);
}

async function* composeItem(
  composer: SnapshotComposer,
  item: SnapshotItem,
): AsyncGenerator<Buffer> {
  const { value } = item;
  if (value === undefined || Buffer.isBuffer(value)) {
    yield composer.entry(item, value);
    return;
  }
  try {
    yield composer.openEntry(item);
    for await (const piece of readPieces(value)) yield composer.valuePiece(piece);
    yield composer.closeEntry();
  } finally {
    value.release();
  }
}

async function* readPieces(value: LargeValue): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, value.bytes));
  for (let position = 0; position < value.bytes;) {
    const count = await value.read(piece, position);
    position += count;
    yield piece.subarray(0, count);
  }
}

/**
 * Writes the file in the JSON or ndjson form, atomically and durably. Throws KV_NO_SPACE or the system's
 * error; then no file was left and the old one stands.
 */
export async function writeSnapshotFile(
  fs: Fs,
  path: string,
  form: SnapshotForm,
  header: Omit<SnapshotHeader, 'count'>,
  items: SnapshotItems,
): Promise<SnapshotReport> {
  const temporary = join(dirname(path), basename(path) + TEMPORARY_SUFFIX);
  await fs.remove(temporary);
  const file = await fs.open(temporary, 'create');
  const composer = new SnapshotComposer(form);
  let bytes: number;
  try {
    bytes = await writeText(file, composer, header, items);
    await file.sync();
  } catch (error: unknown) {
    await file.close();
    await fs.remove(temporary);
    throw error;
  }
  await file.close();
  await fs.rename(temporary, path);
  await fs.syncDir(dirname(path));
  return { path, seq: header.seq, count: composer.count, bytes };
}

async function writeText(
  file: File,
  composer: SnapshotComposer,
  header: Omit<SnapshotHeader, 'count'>,
  items: SnapshotItems,
): Promise<number> {
  let position = 0;
  for await (const chunk of composeSnapshot(composer, { ...header, count: undefined }, items)) {
    await writeFully(file, chunk, position);
    position += chunk.length;
  }
  const patch = composer.countPatch();
  if (patch !== undefined) await writeFully(file, patch.bytes, patch.position);
  return position;
}
