// Verification: checks every byte of a log: each segment that the manifest names, each batch and frame in it, each
// large value's file. It only reads, and goes on after damage, so that it reports all of it (docs/recovery.md).
//
// Invariants:
// - In a sealed segment every defect is damage. In an open one, bad bytes are damage exactly if a valid later
//   batch proves that they were on disk; otherwise they are the torn tail, which was never acknowledged.
// - A segment whose own header is damaged, or which has another segment's name, is read all the same: the
//   manifest has its salt, and no frame passes its checksum at an offset that is not its own.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { isKvError, systemCode } from '../../errors.js';
import { damageEnd, surveyDamage } from './damage-survey.js';
import type { LostPlace } from './damage-survey.js';
import { checkIdentity, cutText, readHeader } from '../segments/directory.js';
import { largeValueName, parseFileName, segmentName } from '../bytes/file-names.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  RECORD_MARK,
  RECORD,
  SEGMENT_HEADER_BYTES,
} from '../bytes/format.js';
import type { BatchHeader } from '../bytes/format.js';
import {
  checkLargeHeader,
  decodeDescriptor,
  readLargeValue,
} from '../segments/large-value-file.js';
import type { LargeReference } from '../segments/large-value-file.js';
import type { Manifest, ManifestEntry } from '../bytes/manifest.js';
import { SegmentScanner } from '../segments/segment-scanner.js';
import type { ScanDefect, ScannedBatch } from '../segments/segment-scanner.js';
import { readingAround } from './unreadable.js';

const LARGE_PIECE_BYTES = 1024 * 1024;

export interface Finding {
  readonly path: string;
  readonly offset: number;
  /** Undefined: the whole file. */
  readonly bytes: number | undefined;
  readonly what: string;
  /** False: a torn tail, which is no damage. */
  readonly isDamage: boolean;
  /** The key that the bytes seem to have held: a guess, for the operator. */
  readonly key: Buffer | undefined;
}

/** Bad bytes, from a batch that is not whole to the next whole batch. */
export interface DamagedRange {
  readonly offset: number;
  readonly end: number;
  /** Up to here the bytes are proved to have been durable; `offset` when none are: a torn tail. */
  provedEnd: number;
}

export interface SegmentCondition {
  readonly entry: ManifestEntry;
  /** The file that has its batches; undefined when there is none. */
  path: string | undefined;
  /** The sealed length, or the file's size while the segment is open. */
  end: number;
  readonly ranges: DamagedRange[];
}

export interface Verification {
  readonly findings: readonly Finding[];
  readonly segments: readonly SegmentCondition[];
  readonly batches: number;
  readonly frames: number;
  readonly largeValues: number;
  readonly bytes: number;
  /** The highest seq in a whole batch; 0: there is none. */
  readonly lastSeq: number;
}

/** Bad bytes in an open segment, until it is known whether they had been durable. */
interface Suspicion {
  readonly entry: ManifestEntry;
  readonly range: DamagedRange;
  readonly lost: readonly LostPlace[];
  readonly path: string;
  /** True for zeros, which are normally written ahead: they are damage only when the log is proved to go on. */
  readonly isBlank: boolean;
}

/** Checks the whole log. Calls `onProgress` with the number of bytes checked so far. */
export async function verifyLog(
  fs: Fs,
  dir: string,
  manifest: Manifest,
  onProgress: (bytes: number) => void,
): Promise<Verification> {
  const verifier = new Verifier(fs, dir, manifest.storeId, onProgress);
  for (const entry of manifest.segments) await verifier.segment(entry);
  await verifier.largeValues();
  return verifier.result();
}

class Verifier {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #storeId: string;
  readonly #onProgress: (bytes: number) => void;
  readonly #findings: Finding[] = [];
  readonly #segments: SegmentCondition[] = [];
  #suspicions: Suspicion[] = [];
  /** Open segments that are shorter than they once were; no damage when the log ends with a clean seal. */
  readonly #cuts: Finding[] = [];
  #isClean = false;
  readonly #large = new Map<number, LargeReference>();
  #batches = 0;
  #frames = 0;
  #largeValues = 0;
  #bytes = 0;
  #lastSeq = 0;

  constructor(fs: Fs, dir: string, storeId: string, onProgress: (bytes: number) => void) {
    this.#fs = fs;
    this.#dir = dir;
    this.#storeId = storeId;
    this.#onProgress = onProgress;
  }

  async segment(entry: ManifestEntry): Promise<void> {
    const condition: SegmentCondition = { entry, path: undefined, end: 0, ranges: [] };
    this.#segments.push(condition);
    const found = await this.#locate(entry);
    if (found === undefined) return;
    condition.path = found.path;
    try {
      const size = await found.size();
      condition.end = entry.bytes ?? size;
      const what = cutText(entry, size);
      if (what !== undefined) {
        const cut = { path: found.path, offset: size, what, bytes: undefined, key: undefined };
        this.#cuts.push({ ...cut, isDamage: true });
      }
      await this.#scan(readingAround(found, this.#unreadable), condition);
    } finally {
      await found.close();
    }
  }

  /** Checks each large value's file that a record names, if it still exists. */
  async largeValues(): Promise<void> {
    for (const reference of this.#large.values()) {
      const path = join(this.#dir, largeValueName(reference.id));
      let file: File | undefined;
      try {
        file = await this.#fs.open(path, 'read');
        this.#largeValues += 1;
        await this.#largeHeader(file, reference);
        await this.#readLarge(file, reference);
      } catch (error: unknown) {
        // Overwritten and deleted values leave their record in the log, but not their file.
        if (systemCode(error) !== 'ENOENT') this.#note(path, error);
      } finally {
        await file?.close();
      }
    }
  }

  result(): Verification {
    if (!this.#isClean) this.#findings.push(...this.#cuts);
    for (const suspicion of this.#suspicions)
      for (const finding of tornTail(suspicion)) this.#findings.push(finding);
    return {
      findings: this.#findings,
      segments: this.#segments,
      batches: this.#batches,
      frames: this.#frames,
      largeValues: this.#largeValues,
      bytes: this.#bytes,
      lastSeq: this.#lastSeq,
    };
  }

  readonly #unreadable = (path: string, offset: number, bytes: number): void => {
    const what = 'the disk cannot read it (EIO)';
    this.#findings.push({ path, offset, bytes, what, isDamage: true, key: undefined });
  };

  /** Returns the file that has the entry's batches, under its own name or another segment's. */
  async #locate(entry: ManifestEntry): Promise<File | undefined> {
    const named = join(this.#dir, segmentName(entry.last, entry.generation));
    let file: File | undefined;
    try {
      file = await this.#fs.open(named, 'read');
      checkIdentity(await readHeader(file), entry, this.#storeId, named);
      return file;
    } catch (error: unknown) {
      this.#note(named, error);
      if (file !== undefined && (await startsWithBatch(file, entry))) return file;
      await file?.close();
      return this.#locateElsewhere(entry, named);
    }
  }

  async #locateElsewhere(entry: ManifestEntry, named: string): Promise<File | undefined> {
    for (const name of await this.#fs.list(this.#dir)) {
      if (parseFileName(name).kind !== 'segment') continue;
      const path = join(this.#dir, name);
      if ((await this.#fs.kindOf(path)) !== 'file') continue;
      const file = await this.#fs.open(path, 'read');
      try {
        checkIdentity(await readHeader(file), entry, this.#storeId, path);
        const what = `the segment that belongs here is in ${name}`;
        const whole = { offset: 0, bytes: undefined, isDamage: true, key: undefined };
        this.#findings.push({ path: named, what, ...whole });
        return file;
      } catch (error: unknown) {
        await file.close();
        if (!isKvError(error) && systemCode(error) !== 'EIO') throw error;
      }
    }
    return undefined;
  }

  async #scan(file: File, condition: SegmentCondition): Promise<void> {
    const { entry, end } = condition;
    const scanner = new SegmentScanner(file, entry.salt, end);
    let batch = await scanner.next();
    for (;;) {
      if (batch !== undefined) {
        this.#count(batch);
        this.#convict(batch.header);
        batch = await scanner.next();
        continue;
      }
      const { defect } = scanner;
      if (defect === undefined) break;
      batch = await scanner.resync();
      await this.#suspect(file, condition, defect, batch?.offset ?? end);
      if (batch === undefined) break;
    }
  }

  #count(batch: ScannedBatch): void {
    this.#batches += 1;
    this.#isClean = batch.header.kind === BATCH_KIND.cleanSeal;
    this.#frames += batch.frames.length;
    this.#bytes += batch.header.batchBytes;
    // For a seal, firstSeq is the last seq that was given to a record before it.
    this.#lastSeq = Math.max(this.#lastSeq, batch.frames.length === 0 ? batch.header.firstSeq : 0);
    for (const { record } of batch.frames) {
      this.#lastSeq = Math.max(this.#lastSeq, record.seq);
      if (record.type !== RECORD.put || (record.marks & RECORD_MARK.largeValue) === 0) continue;
      const reference = decodeDescriptor(record.value);
      this.#large.set(reference.id, reference);
    }
    this.#onProgress(this.#bytes);
  }

  /** Reports as damage what a valid batch proves: all bytes below its `durable…` had been on disk. */
  #convict(header: BatchHeader): void {
    this.#suspicions = this.#suspicions.filter((suspicion) => {
      const { entry, range, isBlank } = suspicion;
      if (header.durableSegment < entry.last) return true;
      const isSame = header.durableSegment === entry.last;
      if (isSame ? header.durableOffset <= range.offset : isBlank) return true;
      range.provedEnd = Math.min(range.end, isSame ? header.durableOffset : range.end);
      this.#damaged(suspicion);
      return false;
    });
  }

  #damaged({
    path,
    range,
    lost,
    isBlank,
  }: Pick<Suspicion, 'path' | 'range' | 'lost' | 'isBlank'>): void {
    if (isBlank) {
      const { offset, provedEnd } = range;
      const what = 'zeros where batches had been written';
      const bytes = provedEnd - offset;
      this.#findings.push({ path, offset, bytes, what, isDamage: true, key: undefined });
      return;
    }
    const proved = lost.filter(({ offset }) => offset < range.provedEnd);
    for (const place of proved) this.#findings.push(findingOf(path, place));
  }

  async #suspect(
    file: File,
    { entry, ranges }: SegmentCondition,
    { offset }: ScanDefect,
    end: number,
  ): Promise<void> {
    const isOpen = entry.bytes === null;
    const range = { offset, end, provedEnd: isOpen ? offset : end };
    ranges.push(range);
    const isBlank = isOpen && (await startsBlank(file, offset, end));
    const { lost } = isBlank ? { lost: [] } : await surveyDamage(file, entry.salt, offset, end);
    const suspicion = { entry, range, lost, path: file.path, isBlank };
    if (isOpen) this.#suspicions.push(suspicion);
    else this.#damaged(suspicion);
  }

  /** Reports a bad header, but goes on: the chunks have checksums of their own. */
  async #largeHeader(file: File, { id, salt }: LargeReference): Promise<void> {
    try {
      await checkLargeHeader(file, id, salt);
    } catch (error: unknown) {
      this.#note(file.path, error);
    }
  }

  async #readLarge(file: File, reference: LargeReference): Promise<void> {
    const piece = Buffer.alloc(LARGE_PIECE_BYTES);
    for (let position = 0; position < reference.bytes;) {
      const count = await readLargeValue(file, reference, piece, position);
      position += count;
      this.#bytes += count;
      this.#onProgress(this.#bytes);
    }
  }

  #note(path: string, error: unknown): void {
    const whole = { path, bytes: undefined, isDamage: true, key: undefined };
    if (isKvError(error)) {
      const what = error.message.replace(/ \([^()]*\)$/, '');
      this.#findings.push({ ...whole, offset: error.offset ?? 0, what });
    } else if (systemCode(error) === 'ENOENT') {
      this.#findings.push({ ...whole, offset: 0, what: 'the file is missing' });
    } else if (systemCode(error) === 'EIO') {
      this.#findings.push({ ...whole, offset: 0, what: 'the disk cannot read it (EIO)' });
    } else throw error;
  }
}

function findingOf(path: string, { offset, bytes, what, defect, seems }: LostPlace): Finding {
  return {
    path,
    offset,
    bytes,
    what: what === 'zeros' ? what : `${what}: ${defect}`,
    isDamage: true,
    key: seems?.key,
  };
}

/** Returns one finding for the whole torn tail, none of which was acknowledged. */
function tornTail({ path, range, lost }: Suspicion): Finding[] {
  const last = lost.findLast(({ what }) => what !== 'zeros');
  if (last === undefined) return [];
  const bytes = last.offset + last.bytes - range.offset;
  const what = 'torn tail: no client got an answer for this';
  return [{ path, offset: range.offset, bytes, what, isDamage: false, key: undefined }];
}

/** Checks whether no batch was written at `offset`: the bytes are zeros, as written ahead. */
async function startsBlank(file: File, offset: number, end: number): Promise<boolean> {
  const header = Buffer.alloc(Math.min(BATCH_HEADER_BYTES, end - offset));
  await file.read(header, offset);
  return header.every((byte) => byte === 0);
}

/** Checks whether the file has a batch of the entry's segment, whatever its header says. */
async function startsWithBatch(file: File, { salt, bytes }: ManifestEntry): Promise<boolean> {
  const around = readingAround(file, () => {});
  const end = bytes ?? (await file.size());
  const next = await damageEnd(around, salt, SEGMENT_HEADER_BYTES, end);
  return next < end;
}
