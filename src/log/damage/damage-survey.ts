// Damage survey: finds the frames that are still whole in a damaged part of a segment. For the other bytes it guesses
// which record they held (docs/recovery.md, "Torn tails and corruption").
//
// Invariants:
// - Each of `frames` has a correct checksum, seeded with salt and place: no other bytes pass as a frame.
// - `lost` is a guess from unproved bytes, to be used only in messages.

import type { File } from '../../env/env.js';
import {
  ALIGNMENT_BYTES,
  BATCH_BYTES_LIMIT,
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  BATCH_MAGIC,
  CHOSEN_CAS_BYTES,
  FRAME_HEADER_BYTES,
  RECORD_MARK,
  RECORD,
  decodeBatchHeader,
  decodeFrame,
  frameBytes,
} from '../bytes/format.js';
import type { Defect, RecordType } from '../bytes/format.js';
import type { ScannedFrame } from '../segments/segment-scanner.js';
import { SegmentScanner } from '../segments/segment-scanner.js';

/** Bytes that belong to no valid batch header or frame. */
export interface LostPlace {
  readonly offset: number;
  readonly bytes: number;
  /** `zeros`: all of the bytes are zero. */
  readonly what: 'batch header' | 'frame' | 'zeros';
  readonly defect: Defect;
  /** The record that the bytes seem to have held; undefined when no guess is possible. */
  readonly seems: SeemingRecord | undefined;
}

interface SeemingRecord {
  readonly type: RecordType | undefined;
  readonly key: Buffer;
  readonly seq: number;
}

interface DamageSurvey {
  readonly frames: readonly ScannedFrame[];
  readonly lost: readonly LostPlace[];
}

/** Returns the offset of the next whole batch after a bad batch at `offset`; `limit` when there is none. */
export async function damageEnd(
  file: File,
  salt: number,
  offset: number,
  limit: number,
): Promise<number> {
  const scanner = new SegmentScanner(file, salt, limit, offset);
  if ((await scanner.next()) !== undefined) return offset;
  const later = scanner.defect === undefined ? undefined : await scanner.resync();
  return later?.offset ?? limit;
}

/** Surveys the bytes from `start`, where a bad batch begins, to `end`. Holds all of them in memory. */
export async function surveyDamage(
  file: File,
  salt: number,
  start: number,
  end: number,
): Promise<DamageSurvey> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(0, end - start));
  const bytes = buffer.subarray(0, await file.read(buffer, start));
  const surveyor = new Surveyor(bytes, salt, start);
  surveyor.walk();
  const missing = end - start - bytes.length;
  if (missing > 0) surveyor.beyond(missing);
  return surveyor;
}

interface Begun {
  readonly at: number;
  /** The place where the next header or frame begins, if the bytes here are right about it. */
  readonly end: number;
  readonly what: LostPlace['what'];
  readonly defect: Defect;
  readonly seems: SeemingRecord | undefined;
}

class Surveyor implements DamageSurvey {
  readonly frames: ScannedFrame[] = [];
  readonly lost: LostPlace[] = [];
  readonly #bytes: Buffer;
  readonly #salt: number;
  readonly #start: number;
  #begun: Begun | undefined;

  constructor(bytes: Buffer, salt: number, start: number) {
    this.#bytes = bytes;
    this.#salt = salt;
    this.#start = start;
  }

  walk(): void {
    let at = 0;
    while (at < this.#bytes.length) at += this.#step(at);
    this.#finish(this.#bytes.length);
  }

  /** Notes that the file is `missingBytes` shorter than it should be. */
  beyond(missingBytes: number): void {
    const offset = this.#start + this.#bytes.length;
    this.lost.push({
      offset,
      bytes: missingBytes,
      what: 'frame',
      defect: 'length',
      seems: undefined,
    });
  }

  /** Looks at the bytes at `at`; returns how many bytes to advance. */
  #step(at: number): number {
    const offset = this.#start + at;
    const header = decodeBatchHeader(this.#bytes, at, this.#salt, offset);
    if (typeof header !== 'string') {
      this.#finish(at);
      return BATCH_HEADER_BYTES;
    }
    const claimed = claimAt(this.#bytes, at);
    const frame = claimed.fits ? decodeFrame(this.#bytes, at, this.#salt, offset) : 'length';
    if (typeof frame !== 'string') {
      this.#finish(at);
      this.frames.push({ record: frame.record, offset, bytes: frame.bytes });
      return frame.bytes;
    }
    if (this.#begun === undefined || at >= this.#begun.end) {
      this.#finish(at);
      this.#begun = this.#begin(at, header, frame, claimed);
    }
    return ALIGNMENT_BYTES;
  }

  #begin(at: number, header: Defect, frame: Defect, { fits, end, seems }: Claim): Begun {
    const isHeader =
      at === 0 || header === 'checksum' || (!fits && looksLikeHeader(this.#bytes, at));
    if (isHeader) {
      const headerEnd = at + BATCH_HEADER_BYTES;
      return { at, end: headerEnd, what: 'batch header', defect: header, seems: undefined };
    }
    return { at, end, what: 'frame', defect: frame, seems };
  }

  #finish(end: number): void {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun === undefined) return;
    const { at, defect, seems } = begun;
    const isZero = this.#bytes.subarray(at, end).every((byte) => byte === 0);
    const what = isZero ? 'zeros' : begun.what;
    this.lost.push({ offset: this.#start + at, bytes: end - at, what, defect, seems });
  }
}

/** Checks whether the bytes look like a batch header, apart from the magic and the checksum. */
function looksLikeHeader(bytes: Buffer, at: number): boolean {
  if (bytes.length - at < BATCH_HEADER_BYTES) return false;
  const batchBytes = bytes.readUInt32LE(at + 8);
  const isLength = batchBytes >= BATCH_HEADER_BYTES && batchBytes <= BATCH_BYTES_LIMIT;
  const isKind = Object.values(BATCH_KIND).some((kind) => kind === bytes.readUInt32LE(at + 20));
  return isLength && batchBytes % ALIGNMENT_BYTES === 0 && isKind;
}

interface Claim {
  /** True when the lengths agree with each other and with the bytes that are there. */
  readonly fits: boolean;
  readonly end: number;
  readonly seems: SeemingRecord | undefined;
}

const NOTHING: Claim = { fits: false, end: Number.POSITIVE_INFINITY, seems: undefined };

/** Returns what the bytes at `at` would mean as a frame. */
function claimAt(bytes: Buffer, at: number): Claim {
  if (bytes.length - at < FRAME_HEADER_BYTES || bytes.readUInt32LE(at) === BATCH_MAGIC)
    return NOTHING;
  const claimed = bytes.readUInt32LE(at + 4);
  const type = bytes[at + 8]!;
  const marks = bytes[at + 9]!;
  const keyBytes = bytes.readUInt16LE(at + 10);
  const fits = frameBytes(keyBytes, bytes.readUInt32LE(at + 12), marks) === claimed;
  const isType = type >= RECORD.put && type <= RECORD.deletePrefix;
  if (!fits && !isType) return NOTHING;
  const hasCas = (marks & RECORD_MARK.chosenCas) !== 0;
  const keyAt = at + FRAME_HEADER_BYTES + (hasCas ? CHOSEN_CAS_BYTES : 0);
  if (keyAt + keyBytes > bytes.length) return NOTHING;
  const seems: SeemingRecord = {
    type: isType ? (type as RecordType) : undefined,
    key: bytes.subarray(keyAt, keyAt + keyBytes),
    seq: bytes.readUIntLE(at + 20, 6),
  };
  return {
    fits: fits && claimed <= bytes.length - at,
    end: fits ? at + claimed : Number.POSITIVE_INFINITY,
    seems,
  };
}
