// Snapshot writer: composes a snapshot from entries as they come, for kv-dump and kv-compact --snapshot.
//
// Invariants:
// - Memory holds one chunk, and a piece of a large value.
// - Every large value is released, also after a failure.

import type { SnapshotComposer } from './format.js';
import type { EntryHead, SnapshotHeader } from './format.js';
import type { LargeValue, Value } from '../store.js';

const CHUNK_BYTES = 256 * 1024;
/** A multiple of 3, so that base64 needs no carry. */
const PIECE_BYTES = 768 * 1024;

/** An entry to export; without a value it is only listed. */
export interface SnapshotItem extends EntryHead {
  readonly value: Value | undefined;
}

type SnapshotItems = AsyncIterable<SnapshotItem> | Iterable<SnapshotItem>;

/** Yields the text, in chunks that the consumer owns. The composer knows the count afterwards. */
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
