// Checks every byte of a log: each segment that the manifest names, each batch and frame in it, each file
// of a large value. Reads only, and goes on after damage, so that all of it is named (docs/recovery.md).
//
// Invariants:
// - In a sealed segment every defect is damage. In an open one bad bytes are damage exactly if a valid
//   later batch proves that they were on disk; else they are the torn tail, of which nobody was told.
// - A damaged frame is named by its own place when its batch's header is whole, else the batch is named.

import { join } from 'node:path';

import type { File, Fs } from '../env/env.js';
import { isKvError, systemCode } from '../errors.js';
import { checkIdentity, readHeader } from './directory.js';
import { largeValueName, segmentName } from './files.js';
import {
  ALIGNMENT_BYTES,
  BATCH_HEADER_BYTES,
  FRAME_HEADER_BYTES,
  MARK,
  RECORD,
  decodeBatchHeader,
  decodeFrame,
} from './format.js';
import type { BatchHeader } from './format.js';
import { decodeDescriptor, readLargeValue } from './large-value-file.js';
import type { LargeReference } from './large-value-file.js';
import type { Manifest, ManifestEntry } from './manifest.js';
import { SegmentScanner } from './segment-scanner.js';
import type { ScanDefect, ScannedBatch } from './segment-scanner.js';

const LARGE_PIECE_BYTES = 1024 * 1024;

export interface Finding {
  readonly path: string;
  readonly offset: number;
  readonly what: string;
  /** False: a torn tail, which is no damage. */
  readonly isDamage: boolean;
}

export interface Verification {
  readonly findings: readonly Finding[];
  readonly segments: number;
  readonly batches: number;
  readonly frames: number;
  readonly bytes: number;
}

/** Bad bytes in an open segment, until it is known whether they had been acknowledged. */
interface Suspicion {
  readonly entry: ManifestEntry;
  readonly finding: Finding;
}

/** Checks the whole log. `onProgress` is told the bytes that are done. */
export async function verifyLog(
  fs: Fs,
  dir: string,
  manifest: Manifest,
  onProgress: (bytes: number) => void,
): Promise<Verification> {
  const verifier = new Verifier(fs, dir, manifest.storeId, onProgress);
  for (const entry of manifest.segments) await verifier.segment(entry);
  await verifier.largeValues();
  return verifier.result(manifest.segments.length);
}

class Verifier {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #storeId: string;
  readonly #onProgress: (bytes: number) => void;
  readonly #findings: Finding[] = [];
  #suspicions: Suspicion[] = [];
  readonly #large = new Map<number, LargeReference>();
  #batches = 0;
  #frames = 0;
  #bytes = 0;

  constructor(fs: Fs, dir: string, storeId: string, onProgress: (bytes: number) => void) {
    this.#fs = fs;
    this.#dir = dir;
    this.#storeId = storeId;
    this.#onProgress = onProgress;
  }

  async segment(entry: ManifestEntry): Promise<void> {
    const path = join(this.#dir, segmentName(entry.last, entry.generation));
    let file: File | undefined;
    try {
      file = await this.#fs.open(path, 'read');
      checkIdentity(await readHeader(file), entry, this.#storeId, path);
      await this.#scan(file, entry);
    } catch (error: unknown) {
      this.#note(path, error);
    } finally {
      await file?.close();
    }
  }

  /** Every file that a record names, as far as it is still there. */
  async largeValues(): Promise<void> {
    for (const reference of this.#large.values()) {
      const path = join(this.#dir, largeValueName(reference.id));
      let file: File | undefined;
      try {
        file = await this.#fs.open(path, 'read');
        await this.#readLarge(file, reference);
      } catch (error: unknown) {
        // Overwritten and deleted values leave their record in the log, but not their file.
        if (systemCode(error) !== 'ENOENT') this.#note(path, error);
      } finally {
        await file?.close();
      }
    }
  }

  result(segments: number): Verification {
    const torn = this.#suspicions.map(({ finding }) => ({
      ...finding,
      what: `torn tail: ${finding.what}; nobody was told that this was stored`,
      isDamage: false,
    }));
    return {
      findings: [...this.#findings, ...torn],
      segments,
      batches: this.#batches,
      frames: this.#frames,
      bytes: this.#bytes,
    };
  }

  async #scan(file: File, entry: ManifestEntry): Promise<void> {
    const end = entry.bytes ?? (await file.size());
    const scanner = new SegmentScanner(file, entry.salt, end);
    let batch = await scanner.next();
    for (;;) {
      if (batch !== undefined) {
        this.#count(batch);
        this.#convict(batch.header);
        batch = await scanner.next();
        continue;
      }
      if (scanner.defect === undefined) break;
      await this.#suspect(file, entry, end, scanner.defect);
      batch = await scanner.resync();
      if (batch === undefined) break;
    }
  }

  #count(batch: ScannedBatch): void {
    this.#batches += 1;
    this.#frames += batch.frames.length;
    this.#bytes += batch.header.batchBytes;
    for (const { record } of batch.frames) {
      if (record.type !== RECORD.put || (record.marks & MARK.largeValue) === 0) continue;
      const reference = decodeDescriptor(record.value);
      this.#large.set(reference.id, reference);
    }
    this.#onProgress(this.#bytes);
  }

  /** A valid batch proves that everything below its `durable…` had been on disk. */
  #convict(header: BatchHeader): void {
    const isProved = ({ entry, finding }: Suspicion): boolean =>
      header.durableSegment > entry.last ||
      (header.durableSegment === entry.last && header.durableOffset > finding.offset);
    this.#findings.push(...this.#suspicions.filter(isProved).map(({ finding }) => finding));
    this.#suspicions = this.#suspicions.filter((suspicion) => !isProved(suspicion));
  }

  async #suspect(
    file: File,
    entry: ManifestEntry,
    end: number,
    { offset, defect }: ScanDefect,
  ): Promise<void> {
    if (entry.bytes === null && (await isBlank(file, offset, end))) return;
    const places = await damagedFrames(file, entry.salt, offset, end);
    const findings =
      places.length > 0
        ? places.map((place) => ({ offset: place.offset, what: `frame: ${place.defect}` }))
        : [{ offset, what: `batch: ${defect}` }];
    for (const { what, offset: at } of findings) {
      const finding = { path: file.path, offset: at, what, isDamage: true };
      if (entry.bytes === null) this.#suspicions.push({ entry, finding });
      else this.#findings.push(finding);
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
    if (isKvError(error)) {
      const what = error.message.replace(/ \([^()]*\)$/, '');
      this.#findings.push({ path, offset: error.offset ?? 0, what, isDamage: true });
    } else if (systemCode(error) === 'ENOENT') {
      this.#findings.push({ path, offset: 0, what: 'the file is missing', isDamage: true });
    } else throw error;
  }
}

/** True when nothing was written from `offset` on: the zeros that were written ahead. */
async function isBlank(file: File, offset: number, end: number): Promise<boolean> {
  const header = Buffer.alloc(Math.min(BATCH_HEADER_BYTES, end - offset));
  await file.read(header, offset);
  return header.every((byte) => byte === 0);
}

/** The frames of a batch that fail their checks; empty when its header does not say where they are. */
async function damagedFrames(
  file: File,
  salt: number,
  offset: number,
  end: number,
): Promise<ScanDefect[]> {
  const start = Buffer.alloc(BATCH_HEADER_BYTES);
  const count = await file.read(start, offset);
  const header = decodeBatchHeader(start.subarray(0, count), 0, salt, offset);
  if (typeof header === 'string') return [];
  const batch = Buffer.alloc(Math.min(header.batchBytes, end - offset));
  const held = batch.subarray(0, await file.read(batch, offset));
  const damaged: ScanDefect[] = [];
  let at = BATCH_HEADER_BYTES;
  while (at < header.batchBytes) {
    const frame = decodeFrame(held, at, salt, offset + at);
    if (typeof frame !== 'string') {
      at += frame.bytes;
      continue;
    }
    damaged.push({ offset: offset + at, defect: frame });
    const claimed = held.length - at < FRAME_HEADER_BYTES ? 0 : held.readUInt32LE(at + 4);
    // The length may itself be what is damaged: the next frame tells, by its own checksum.
    if (claimed < FRAME_HEADER_BYTES || claimed % ALIGNMENT_BYTES !== 0) break;
    at += claimed;
  }
  return damaged;
}
