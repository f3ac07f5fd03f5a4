// The sources of a feed: the files, of the log and of its history, that hold every record after a seq.
//
// A file lacks only records that were dead when its horizon was the newest seq (docs/format.md, "MANIFEST"). So it has
// every record after its horizon. A feed needs an unbroken row of such whole files up to the end of the log.
//
// Invariant: missing records give KV_TOO_OLD; they are never skipped silently.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { KvError } from '../../errors.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  SEGMENT_HEADER_BYTES,
  decodeBatchHeader,
} from '../bytes/format.js';
import type { BatchHeader } from '../bytes/format.js';
import type { Durability } from '../durability.js';
import type { History } from '../history.js';
import { readHeader } from '../segments/directory.js';
import type { Segment, SegmentTable } from '../segments/segment.js';

/** A file of the log, which may still grow, or of the history. */
export interface FeedSource {
  readonly path: string;
  /** The newest log number that it stands for. */
  readonly last: number;
  /** The segment of a file of the log; undefined for a file of the history. */
  readonly segment: Segment | undefined;
  /** For a file of the history, the length up to the end of its last batch. */
  readonly bytes: number;
}

/** The place where the row of whole files ends. */
interface Gap {
  readonly segment: Segment;
  /** The newest log number whose records are missing. */
  readonly place: number;
}

interface Row {
  /** In log order. */
  readonly sources: readonly FeedSource[];
  readonly gap: Gap | undefined;
}

/** The parts of the log in which the sources are found. */
export interface FeedLog {
  readonly dir: string;
  readonly table: SegmentTable;
  readonly durability: Durability;
  /** See Log. */
  readonly provableSeq: number;
}

export class FeedSources {
  readonly #fs: Fs;
  readonly #log: FeedLog;
  readonly #history: History;

  constructor(fs: Fs, log: FeedLog, history: History) {
    this.#fs = fs;
    this.#log = log;
    this.#history = history;
  }

  /** Returns the seq after which no record is missing: a feed may begin after it. */
  async oldest(): Promise<number> {
    return this.#endOf(this.#rowAfter(0));
  }

  /**
   * Returns the files after log number `place` that hold every record after `seq`, in log order. Throws KV_TOO_OLD when
   * some of these records are gone, and the system's error when a file is removed meanwhile.
   */
  async after(seq: number, place: number): Promise<readonly FeedSource[]> {
    const row = this.#rowAfter(seq);
    const { gap, sources } = row;
    const left = sources.filter(({ last }) => last > place);
    if (gap === undefined || gap.place <= place) return left;
    const oldest = await this.#endOf(row);
    if (oldest <= seq) return left;
    throw new KvError(
      'KV_TOO_OLD',
      `Compaction has removed changes after seq ${seq}; all of them are kept after seq ${oldest}: ` +
        'start again from a dump, and follow after its seq',
      { path: this.#log.dir, oldestSeq: oldest },
    );
  }

  /** Returns the first of `sources` to read for the records after `seq`, and the byte at which to begin. */
  async beginningOf(
    sources: readonly FeedSource[],
    seq: number,
  ): Promise<{ readonly index: number; readonly offset: number }> {
    // Every record on the disk was passed on: the next one will be written at the current end of the log.
    if (seq >= this.#log.durability.watermark) {
      const index = sources.findIndex(({ segment }) => segment?.sealed === false);
      return { index, offset: sources[index]?.segment?.committedBytes ?? SEGMENT_HEADER_BYTES };
    }
    let from = 0;
    let to = sources.length - 1;
    while (from < to) {
      const middle = Math.ceil((from + to) / 2);
      if ((await this.#firstSeqOf(sources[middle]!)) <= seq + 1) from = middle;
      else to = middle - 1;
    }
    return { index: from, offset: SEGMENT_HEADER_BYTES };
  }

  /** Opens the file; returns it with the salt of its checksums. */
  async open({ path, segment }: FeedSource): Promise<{ file: File; salt: number }> {
    const file = await this.#fs.open(path, 'read');
    if (segment !== undefined) return { file, salt: segment.salt };
    try {
      return { file, salt: (await readHeader(file)).salt };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  #rowAfter(seq: number): Row {
    const { dir, table } = this.#log;
    let kept: ReturnType<History['wholeSegments']> | undefined;
    const found: FeedSource[] = [];
    for (const segment of table.ordered.toReversed()) {
      const { horizon, first, last } = segment;
      if (horizon <= seq) {
        found.push({ path: join(dir, segment.name), last, segment, bytes: 0 });
        // All older records were there when a compacted segment was written, so they are not after `seq`.
        if (horizon > 0) break;
        continue;
      }
      for (let place = last; place >= first; place -= 1) {
        kept ??= this.#history.wholeSegments();
        const whole = kept.get(place);
        if (whole === undefined) return { sources: found.toReversed(), gap: { segment, place } };
        found.push({ ...whole, segment: undefined });
      }
    }
    return { sources: found.toReversed(), gap: undefined };
  }

  /** Returns the highest seq that may be missing before the row; 0: none is missing. */
  async #endOf({ sources: [next], gap }: Row): Promise<number> {
    if (gap === undefined) return 0;
    const { segment, place } = gap;
    const behind = next === undefined ? Infinity : (await this.#firstSeqOf(next)) - 1;
    const own = place === segment.last ? await this.#sealSeqOf(segment) : Infinity;
    return Math.min(segment.horizon, behind, own);
  }

  /** Returns the seq of the first record in the file; Infinity when there is none yet. */
  async #firstSeqOf(source: FeedSource): Promise<number> {
    const { file, salt } = await this.open(source);
    try {
      const end = source.segment?.committedBytes ?? source.bytes;
      for (let at = SEGMENT_HEADER_BYTES; at < end;) {
        const header = await headerAt(file, at, salt);
        if (header.kind === BATCH_KIND.records) return header.firstSeq;
        at += header.batchBytes;
      }
      return Infinity;
    } finally {
      await file.close();
    }
  }

  /**
   * Returns the seq in the seal that ends a compacted segment: the highest seq of the segments that it replaced.
   * Infinity when it does not end with a seal.
   */
  async #sealSeqOf(segment: Segment): Promise<number> {
    if (!segment.sealed) return Infinity;
    const file = await this.#fs.open(join(this.#log.dir, segment.name), 'read');
    try {
      const at = segment.committedBytes - BATCH_HEADER_BYTES;
      const header = decodeBatchHeader(await readAt(file, at), 0, segment.salt, at);
      const isSeal = typeof header !== 'string' && header.kind !== BATCH_KIND.records;
      return isSeal ? header.firstSeq : Infinity;
    } finally {
      await file.close();
    }
  }
}

async function headerAt(file: File, at: number, salt: number): Promise<BatchHeader> {
  const header = decodeBatchHeader(await readAt(file, at), 0, salt, at);
  if (typeof header !== 'string') return header;
  const { path } = file;
  throw new KvError('KV_CORRUPTION', `A batch is damaged: ${header}`, { path, offset: at });
}

async function readAt(file: File, at: number): Promise<Buffer> {
  const bytes = Buffer.alloc(BATCH_HEADER_BYTES);
  return bytes.subarray(0, await file.read(bytes, at));
}
