// The sources of a feed: which files, of the log and of its history, hold every record after a seq.
//
// A file lacks only records that were dead when its horizon was the newest seq (docs/format.md, "MANIFEST"), so it is whole
// for whoever asks for records behind that. A feed needs an unbroken row of whole files up to the end of the log.
//
// Invariant: what is missing is told (KV_TOO_OLD), never passed over.

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
  /** Of the log; undefined: of the history. */
  readonly segment: Segment | undefined;
  /** Of the history: up to the end of its last batch. */
  readonly bytes: number;
}

/** Where the row of whole files breaks off. */
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

/** What the sources are looked for in. */
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

  /** From which seq on nothing is missing: a feed may begin after it. */
  async oldest(): Promise<number> {
    return this.#endOf(this.#rowAfter(0));
  }

  /**
   * The files that hold every record after `seq` behind the log number `place`, in log order. Throws KV_TOO_OLD when
   * some of these records are gone, and the system's error when a file went meanwhile.
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

  /** Which of `sources` is the first to read for the records after `seq`, and from which byte on. */
  async beginningOf(
    sources: readonly FeedSource[],
    seq: number,
  ): Promise<{ readonly index: number; readonly offset: number }> {
    // All that is on the disk was passed on: what comes next goes where the log ends now.
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

  /** Opens the file. The salt that its checksums are made with comes with it. */
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
        // What is older than it was there when it was written, and is not after `seq` either.
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

  /** The highest seq that may be missing before the row; 0: none is. */
  async #endOf({ sources: [next], gap }: Row): Promise<number> {
    if (gap === undefined) return 0;
    const { segment, place } = gap;
    const behind = next === undefined ? Infinity : (await this.#firstSeqOf(next)) - 1;
    const own = place === segment.last ? await this.#sealSeqOf(segment) : Infinity;
    return Math.min(segment.horizon, behind, own);
  }

  /** Of the first record in the file; Infinity: there is none yet. */
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

  /** What a compacted segment's last batch says: the highest seq of all that it stands for. Infinity: it ends otherwise. */
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
