// A record feed: every durable record after a seq, in the order of the log, read from the files and never from memory.
//
// Invariants:
// - It reads only durable bytes: of the active segment the committed bytes, which no failed commit takes back.
// - It has one file open and one window in memory, and nothing else waits for it. A file that compaction replaced stays
//   readable while a feed has it open. A file that was removed before the feed opened it gives KV_TOO_OLD.
// - No record comes twice and none is left out: the feed reads each file once, from its beginning to its end.

import type { File } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { SEGMENT_HEADER_BYTES } from '../bytes/format.js';
import type { BatchHeader } from '../bytes/format.js';
import { SegmentScanner } from '../segments/segment-scanner.js';
import type { TakeFrame } from '../segments/segment-scanner.js';
import type { FeedPace } from './feed-pace.js';
import type { FeedSource, FeedSources } from './sources.js';

/** Number of times the feed looks for its next file when the file found is removed before it is opened. */
const LOOKS_MAX = 10;

/** The file that is being read. */
interface OpenSource {
  readonly source: FeedSource;
  readonly file: File;
  readonly scanner: SegmentScanner;
}

export class RecordFeed {
  readonly #sources: FeedSources;
  readonly #pace: FeedPace;
  /** Every record up to this seq was passed on. The caller, which takes the frames, moves it. */
  position: number;
  /** The log numbers up to this number were read to their ends. */
  #place = 0;
  #open: OpenSource | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(sources: FeedSources, pace: FeedPace, after: number) {
    this.#sources = sources;
    this.#pace = pace;
    this.position = after;
  }

  /** Throws KV_TOO_OLD when not every record after `after` is kept. */
  static async begin(sources: FeedSources, pace: FeedPace, after: number): Promise<RecordFeed> {
    const feed = new RecordFeed(sources, pace, after);
    await feed.#openNext();
    return feed;
  }

  /**
   * Calls `take` for each frame of the next batch; its arguments are valid until the next call. Frames up to `position`
   * may be among them. Returns undefined when there is no batch yet, or the feed was closed. Throws KV_TOO_OLD when
   * compaction has removed changes that the feed has not read, KV_CORRUPTION where the log is damaged.
   */
  async next(take: TakeFrame): Promise<BatchHeader | undefined> {
    const work = this.#next(take);
    this.#work = work.catch(() => undefined);
    return work;
  }

  /** Closes the file after a read under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#work;
    await this.#leave();
  }

  async #next(take: TakeFrame): Promise<BatchHeader | undefined> {
    while (!this.#closed) {
      if (this.#pace.isOver) await this.#pace.nextTurn();
      const open = this.#open ?? (await this.#openNext());
      if (open === undefined) return undefined;
      const { scanner, source } = open;
      // Both are read in one turn of the event loop: if the segment is sealed, `end` is final.
      const end = endOf(source);
      const isDone = source.segment?.sealed ?? true;
      if (scanner.position < end) {
        scanner.extend(end);
        const header = await scanner.nextInto(take);
        if (header === undefined) throw damaged(open);
        return header;
      }
      if (!isDone) return undefined;
      this.#place = source.last;
      await this.#leave();
    }
    return undefined;
  }

  /** Opens the next file; returns undefined when the log has no further file. */
  async #openNext(): Promise<OpenSource | undefined> {
    for (let looks = 1; ; looks += 1) {
      try {
        return await this.#tryNext();
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || looks === LOOKS_MAX) throw error;
      }
    }
  }

  async #tryNext(): Promise<OpenSource | undefined> {
    const sources = await this.#sources.after(this.position, this.#place);
    const { index, offset } =
      this.#place === 0
        ? await this.#sources.beginningOf(sources, this.position)
        : { index: 0, offset: SEGMENT_HEADER_BYTES };
    const source = sources[index];
    if (source === undefined) return undefined;
    const { file, salt } = await this.#sources.open(source);
    const scanner = new SegmentScanner(file, salt, endOf(source), offset);
    scanner.reusesWindow = true;
    this.#open = { source, file, scanner };
    return this.#open;
  }

  async #leave(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }
}

function endOf({ segment, bytes }: FeedSource): number {
  return segment?.committedBytes ?? bytes;
}

function damaged({ file, scanner }: OpenSource): KvError {
  const { defect = 'length', offset = scanner.position } = scanner.defect ?? {};
  const what = `A batch is damaged: ${defect}; kv-check names all that is damaged`;
  return new KvError('KV_CORRUPTION', what, { path: file.path, offset });
}
