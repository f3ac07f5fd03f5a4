// The task 'export': writes the JSON snapshot of the items that the main thread names, and reads their records
// from the segments. The main thread chooses the items and the seq; store/snapshot-file/format.ts composes the text.

import { dirname, join } from 'node:path';

import { assert } from '../../assert.js';
import type { File, Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { largeValueName, segmentName } from '../../log/bytes/file-names.js';
import { RECORD_MARK, casOf, decodeFrame } from '../../log/bytes/format.js';
import type { LogRecord } from '../../log/bytes/format.js';
import {
  LARGE_CHUNK_BYTES,
  decodeDescriptor,
  readLargeValue,
} from '../../log/segments/large-value-file.js';
import { writeFully } from '../../log/segments/whole-file.js';
import { SnapshotComposer } from '../snapshot-file/format.js';
import type { EntryHead } from '../snapshot-file/format.js';
import type { ExportItem, ExportItems, ExportTask, Line, SegmentPlace } from './messages.js';

const WRITE_BYTES = 1024 * 1024;
/** Bytes read at once: the neighbours of an item are wanted next. */
const WINDOW_BYTES = 128 * 1024;

export async function exportItems(
  fs: Fs,
  dir: string,
  task: ExportTask,
  line: Line,
): Promise<void> {
  await fs.makeDir(dirname(task.temporaryPath));
  const file = await fs.open(task.temporaryPath, 'create');
  const sources = new Sources(fs, dir);
  try {
    const composer = new SnapshotComposer('json');
    const text = new TextFile(file);
    const { seq, createdAtMs: createdAt, storeId } = task;
    await text.write(composer.header({ seq, createdAt, storeId, count: undefined }));
    for (let last = false; !last;) {
      line.post({ ask: 'items' });
      const answer = await line.answer();
      assert(answer.answer === 'items', 'An export is answered by items');
      await sources.know(answer);
      for (const item of sorted(answer.items)) await exportItem(item, sources, composer, text);
      last = answer.last;
    }
    await text.write(composer.trailer());
    await text.flush();
    const patch = composer.countPatch();
    if (patch !== undefined) await writeFully(file, patch.bytes, patch.position);
    await file.sync();
    line.post({ done: 'export', count: composer.count, bytes: text.length });
  } finally {
    await sources.close();
    await file.close();
  }
}

/** Sorts items by their place on the disk, so that neighbours are read one after the other. */
function sorted(items: readonly ExportItem[]): ExportItem[] {
  return [...items].sort((a, b) => a.slot - b.slot || a.offset - b.offset);
}

async function exportItem(
  item: ExportItem,
  sources: Sources,
  composer: SnapshotComposer,
  text: TextFile,
): Promise<void> {
  const record = await sources.read(item);
  const { expiresAt } = item;
  const head: EntryHead = { key: record.key, flags: record.flags, expiresAt, cas: casOf(record) };
  if ((record.marks & RECORD_MARK.largeValue) === 0) {
    await text.write(composer.entry(head, record.value));
    return;
  }
  const reference = decodeDescriptor(record.value);
  await text.write(composer.openEntry(head));
  const source = await sources.openLarge(reference.id);
  const piece = Buffer.allocUnsafe(LARGE_CHUNK_BYTES);
  try {
    for (let at = 0; at < reference.bytes;) {
      const count = await readLargeValue(source, reference, piece, at);
      await text.write(composer.valuePiece(piece.subarray(0, count)));
      at += count;
    }
  } finally {
    await source.close();
  }
  await text.write(composer.closeEntry());
}

/** The segments that hold the items, opened when they are first needed. */
class Sources {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #places = new Map<number, SegmentPlace>();
  readonly #files = new Map<number, File>();
  /** Bytes that were read ahead: the items come sorted by place. */
  #window = Buffer.alloc(0);
  #windowOffset = 0;
  #windowSlot = -1;

  constructor(fs: Fs, dir: string) {
    this.#fs = fs;
    this.#dir = dir;
  }

  /** Notes the segments of the items that follow and forgets all others: the slot of a removed segment is reused. */
  async know({ segments }: ExportItems): Promise<void> {
    const before = new Map(this.#places);
    this.#places.clear();
    for (const { slot, ...place } of segments) this.#places.set(slot, place);
    for (const [slot, old] of before) {
      const now = this.#places.get(slot);
      if (now?.last === old.last && now.generation === old.generation) continue;
      const file = this.#files.get(slot);
      this.#files.delete(slot);
      if (slot === this.#windowSlot) this.#windowSlot = -1;
      await file?.close();
    }
  }

  /** Returns the item's record, as views into memory that the next call may replace. */
  async read({ slot, offset, bytes }: ExportItem): Promise<LogRecord> {
    const place = this.#places.get(slot);
    assert(place !== undefined, 'The segment of an item was named before');
    const file = await this.#fileOf(slot, place);
    if (slot !== this.#windowSlot || !this.#windowHolds(offset, bytes)) {
      const window = Buffer.allocUnsafe(Math.max(bytes, WINDOW_BYTES));
      const room = Math.max(bytes, place.committedBytes - offset);
      const wanted = window.subarray(0, Math.min(window.length, room));
      this.#window = wanted.subarray(0, await file.read(wanted, offset));
      this.#windowOffset = offset;
      this.#windowSlot = slot;
    }
    const at = offset - this.#windowOffset;
    const frame = decodeFrame(this.#window.subarray(at, at + bytes), 0, place.salt, offset);
    if (typeof frame !== 'string') return frame.record;
    throw new KvError('KV_CORRUPTION', `A record is damaged (${frame})`, {
      path: file.path,
      offset,
    });
  }

  #windowHolds(offset: number, bytes: number): boolean {
    const end = this.#windowOffset + this.#window.length;
    return offset >= this.#windowOffset && offset + bytes <= end;
  }

  async #fileOf(slot: number, place: SegmentPlace): Promise<File> {
    const known = this.#files.get(slot);
    if (known !== undefined) return known;
    const name = segmentName(place.last, place.generation);
    const file = await this.#fs.open(join(this.#dir, name), 'read');
    this.#files.set(slot, file);
    return file;
  }

  openLarge(id: number): Promise<File> {
    return this.#fs.open(join(this.#dir, largeValueName(id)), 'read');
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
  }
}

/** A text file that is written in large pieces. */
class TextFile {
  readonly #file: File;
  #parts: Buffer[] = [];
  #gathered = 0;
  #written = 0;

  constructor(file: File) {
    this.#file = file;
  }

  get length(): number {
    return this.#written + this.#gathered;
  }

  async write(part: Buffer): Promise<void> {
    this.#parts.push(part);
    this.#gathered += part.length;
    if (this.#gathered >= WRITE_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts);
    await writeFully(this.#file, bytes, this.#written);
    this.#written += bytes.length;
    this.#parts = [];
    this.#gathered = 0;
  }
}
