// Salvage: reads what is left of a damaged log, in log order: whole batches, whole frames of damaged batches, a
// hint's entries for lost frames, and the places of which nothing is known. It writes nothing.
//
// Invariants:
// - Only acknowledged records are salvaged from a damaged place: a torn tail is cut, as at a start.
// - Each pass over the log gives the same result.

import { join } from 'node:path';

import type { Env } from '../env/env.js';
import { isKvError } from '../errors.js';
import { surveyDamage, type LostPlace } from '../log/damage/damage-survey.js';
import type { LogRecord } from '../log/bytes/format.js';
import { visitEntries, type ReplayEntry } from '../log/bytes/entry-list.js';
import { loadHint } from '../log/segments/hint-file.js';
import { segmentName } from '../log/bytes/file-names.js';
import { SegmentTable, type Segment } from '../log/segments/segment.js';
import { SegmentScanner, type ScannedFrame } from '../log/segments/segment-scanner.js';
import { readingAround } from '../log/damage/unreadable.js';
import {
  verifyLog,
  type DamagedRange,
  type Finding,
  type SegmentCondition,
  type Verification,
} from '../log/damage/verification.js';
import { readClaims, type LossClaim } from '../store/restart/loss-proof.js';
import { readManifestOrStandIn } from './manifest-stand-in.js';

export type Salvaged =
  | { readonly kind: 'frame'; readonly frame: ScannedFrame; readonly segment: Segment }
  /** A record whose bytes are gone, but which the segment's hint has, without a put's value and flags. */
  | { readonly kind: 'hinted'; readonly entry: ReplayEntry; readonly path: string }
  | { readonly kind: 'lost'; readonly place: LostPlace; readonly path: string }
  /** A whole segment that is missing and has no hint. */
  | { readonly kind: 'gone'; readonly path: string };

/** One step through the log; views are valid until the next step. */
interface SalvagedStep {
  readonly parts: readonly Salvaged[];
  /** The highest seq in this step. */
  readonly lastSeq: number;
  readonly timeMs: number;
}

export class SalvagedLog {
  readonly verification: Verification;
  /** All findings, including those about the manifest. */
  readonly findings: readonly Finding[];
  readonly table = new SegmentTable();
  /** The claims of other files about the end of the log. */
  readonly claims: readonly LossClaim[];
  readonly #env: Env;
  readonly #dir: string;
  readonly #lacksManifest: boolean;
  readonly #open = new Map<SegmentCondition, Segment>();

  private constructor(
    env: Env,
    dir: string,
    verification: Verification,
    more: Finding[],
    claims: readonly LossClaim[],
  ) {
    this.claims = claims;
    this.#env = env;
    this.#dir = dir;
    this.verification = verification;
    this.#lacksManifest = more.length > 0;
    this.findings = [...more, ...verification.findings];
  }

  /** Requires: nobody writes to the directory. Throws KV_FORMAT_VERSION for a store of a newer release. */
  static async open(
    env: Env,
    dir: string,
    onProgress: (bytes: number) => void,
  ): Promise<SalvagedLog> {
    const { manifest, findings } = await readManifestOrStandIn(env, dir);
    const claims = await readClaims(env.fs, dir, manifest);
    const verification = await verifyLog(env.fs, dir, manifest, onProgress);
    const log = new SalvagedLog(env, dir, verification, findings, claims);
    for (const condition of verification.segments) await log.#openSegment(condition);
    return log;
  }

  /** True when the newest segment is missing: the log may have used seqs that no file shows. */
  get isEndUnknown(): boolean {
    return this.verification.segments.at(-1)?.path === undefined;
  }

  /**
   * Paths of compacted segments without a hint, when the manifest is gone: their ends are unknown. The end of another
   * segment is known from the segment after it.
   */
  get unknownEnds(): string[] {
    if (!this.#lacksManifest) return [];
    return this.verification.segments
      .slice(0, -1)
      .flatMap(({ entry, path }) =>
        entry.bytes === null && entry.generation > 0 && path !== undefined ? [path] : [],
      );
  }

  async *steps(): AsyncGenerator<SalvagedStep> {
    for (const condition of this.verification.segments) {
      const segment = this.#open.get(condition);
      const hinted = await this.#hintOf(condition);
      if (segment === undefined) yield this.#missing(condition, hinted);
      else yield* stepsOf(segment, condition, hinted);
    }
  }

  async close(): Promise<void> {
    await this.table.close();
  }

  async #openSegment(condition: SegmentCondition): Promise<void> {
    const { path, entry } = condition;
    if (path === undefined) return;
    const file = readingAround(await this.#env.fs.open(path, 'read'), () => undefined);
    this.#open.set(condition, this.table.add(entry, file));
  }

  #missing({ entry }: SegmentCondition, hinted: Hinted | undefined): SalvagedStep {
    const path = join(this.#dir, segmentName(entry.last, entry.generation));
    if (hinted === undefined) return { parts: [{ kind: 'gone', path }], lastSeq: 0, timeMs: 0 };
    const parts = hinted.entries.map((known) => ({ kind: 'hinted', entry: known, path }) as const);
    return { ...hinted, parts };
  }

  /** Returns the hint of a sealed segment that is damaged or missing. */
  async #hintOf({ entry, ranges, path }: SegmentCondition): Promise<Hinted | undefined> {
    if (entry.bytes === null || (path !== undefined && ranges.length === 0)) return undefined;
    const entries: ReplayEntry[] = [];
    const place = { ...entry, committedBytes: entry.bytes };
    try {
      const hint = await loadHint(this.#env.fs, this.#dir, place);
      if (hint === undefined) return undefined;
      const { bytes, start, count } = hint.entries;
      visitEntries(bytes, start, count, (known) => entries.push(known));
      // A hint has its entries in hash order.
      entries.sort((a, b) => a.offset - b.offset);
      return { ...hint.facts, entries };
    } catch (error: unknown) {
      if (isKvError(error)) throw error;
      // A hint that the disk cannot read is treated as missing.
      return undefined;
    }
  }
}

interface Hinted {
  readonly entries: readonly ReplayEntry[];
  readonly lastSeq: number;
  readonly timeMs: number;
}

async function* stepsOf(
  segment: Segment,
  { entry, end, ranges }: SegmentCondition,
  hinted: Hinted | undefined,
): AsyncGenerator<SalvagedStep> {
  const scanner = new SegmentScanner(segment.file, entry.salt, end);
  for (;;) {
    const batch = await scanner.next();
    if (batch !== undefined) {
      const { header, frames } = batch;
      const parts = frames.map((frame) => ({ kind: 'frame', frame, segment }) as const);
      const lastSeq = frames.at(-1)?.record.seq ?? header.firstSeq;
      yield { parts, lastSeq, timeMs: header.timeMs };
      continue;
    }
    const range = ranges.find(({ offset }) => offset === scanner.defect?.offset);
    if (range === undefined || range.provedEnd <= range.offset) return;
    yield await damagedStep(segment, range, hinted);
    if (range.end >= end) return;
    scanner.goTo(range.end);
  }
}

async function damagedStep(
  segment: Segment,
  { offset, end, provedEnd }: DamagedRange,
  hinted: Hinted | undefined,
): Promise<SalvagedStep> {
  const { file, salt } = segment;
  const survey = await surveyDamage(file, salt, offset, end);
  const frames = survey.frames.filter((frame) => frame.offset < provedEnd);
  const parts: (Salvaged & { readonly at: number })[] = frames.map((frame) => ({
    kind: 'frame',
    frame,
    segment,
    at: frame.offset,
  }));
  const { path } = file;
  if (hinted === undefined) {
    for (const place of survey.lost) {
      if (place.offset < provedEnd) parts.push({ kind: 'lost', place, path, at: place.offset });
    }
  } else {
    const whole = new Set(frames.map((frame) => frame.offset));
    for (const known of hinted.entries) {
      const isHere = known.offset >= offset && known.offset < provedEnd;
      if (isHere && !whole.has(known.offset))
        parts.push({ kind: 'hinted', entry: known, path, at: known.offset });
    }
  }
  parts.sort((a, b) => a.at - b.at);
  const lastSeq = parts.reduce((most, part) => Math.max(most, seqOf(part)), 0);
  return { parts, lastSeq, timeMs: 0 };
}

function seqOf(part: Salvaged): number {
  if (part.kind === 'frame') return part.frame.record.seq;
  return part.kind === 'hinted' ? part.entry.seq : 0;
}

/** Returns the record that a hint's entry stands for; not for puts, because the entry lacks their value and flags. */
export function recordOf(entry: ReplayEntry): LogRecord {
  const { type, marks, seq, expiresAt, key, value } = entry;
  return { type, marks, flags: 0, seq, expiresAt, key, value, cas: 0n };
}
