// The history: keeps the files that compaction replaced or that the log no longer needs, for a time, in a folder of the
// data directory. So the store can be read as it was at any moment of that time (docs/format.md, "history").
//
// Invariants:
// - A segment's file has its name here, durably, before the manifest stops naming it: no crash leaves a gap. When a
//   replacement was given up, the file may be here and in the log; it never changes in either place.
// - Serving and recovery never read it and do not depend on its success. A missing file makes moments unreadable,
//   never wrong: a reader of the past compares horizons (offline/past-segments.ts).
// - It holds at most `bytesMax` bytes, and is removed at once when the disk is full.

import { join } from 'node:path';

import type { Env, Fs, Logger } from '../env/env.js';
import { failureText, systemCode } from '../errors.js';
import {
  HISTORY_NAME,
  keptLargeValueName,
  keptLargeValueStart,
  keptSegmentName,
  largeValueName,
  parseKeptName,
} from './bytes/file-names.js';
import type { Segment } from './segments/segment.js';

export interface HistoryOptions {
  /** Time for which files stay after they were replaced; 0: they are removed at once. */
  readonly keepMs: number;
  /** Above this many bytes the oldest files are removed; 0: only the time bounds the history. */
  readonly bytesMax: number;
}

/** The store's clock and newest seq, which give the moment of a replacement. */
interface HistoryClock {
  nowMs(): number;
  readonly lastSeq: number;
}

interface KeptFile {
  readonly name: string;
  readonly bytes: number;
  readonly replacedMs: number;
  /** The log number of a segment that lacks no record. */
  readonly wholeLast: number | undefined;
}

/** A file of the history that holds every record of its place in the log. */
interface WholeSegment {
  /** The log number that it stands for. */
  readonly last: number;
  readonly path: string;
  /** Length up to the end of its last batch. */
  readonly bytes: number;
}

interface HistoryStats {
  readonly files: number;
  readonly bytes: number;
  /** The oldest file's time of replacement, Unix ms; 0: there is none. */
  readonly oldestMs: number;
}

export class History {
  readonly #fs: Fs;
  readonly #logger: Logger;
  readonly #dir: string;
  readonly #folder: string;
  readonly #options: HistoryOptions;
  readonly #clock: HistoryClock;
  /** Sorted by the time of their replacement. */
  #files: KeptFile[] = [];
  #bytes = 0;

  constructor(
    { fs, logger }: Pick<Env, 'fs' | 'logger'>,
    dir: string,
    options: HistoryOptions,
    clock: HistoryClock,
  ) {
    this.#fs = fs;
    this.#logger = logger;
    this.#dir = dir;
    this.#folder = join(dir, HISTORY_NAME);
    this.#options = options;
    this.#clock = clock;
  }

  get isKept(): boolean {
    return this.#options.keepMs > 0;
  }

  get stats(): HistoryStats {
    const oldestMs = this.#files[0]?.replacedMs ?? 0;
    return { files: this.#files.length, bytes: this.#bytes, oldestMs };
  }

  /** Makes the folder if files are to be kept, and lists what is in it. Requires: the directory's lock. */
  async open(): Promise<void> {
    if (!this.isKept) return;
    await this.#fs.makeDir(this.#folder);
    for (const name of await this.#fs.list(this.#folder)) {
      const kept = parseKeptName(name);
      if (kept === undefined) continue;
      const bytes = 'bytes' in kept ? kept.bytes : await this.#sizeOf(name);
      this.#note({ name, bytes, replacedMs: kept.replacedMs });
    }
    this.#files.sort((a, b) => a.replacedMs - b.replacedMs);
  }

  /** The newest seq. */
  get lastSeq(): number {
    return this.#clock.lastSeq;
  }

  /**
   * Gives the files of segments that are about to be replaced a second name here, durable when it returns. `seq` is
   * the horizon of their replacement. Logs a warning when a file cannot be kept; compaction then removes it.
   */
  async keepSegments(run: readonly Segment[], seq: number): Promise<void> {
    const replacedMs = this.#clock.nowMs();
    await this.#tryKeep(async () => {
      for (const { name, last, generation, horizon, committedBytes: bytes } of run) {
        if (horizon === Infinity) continue;
        const moment = { replacedSeq: seq, replacedMs };
        const kept = keptSegmentName({ last, generation, bytes, horizon, ...moment });
        await this.#link(name, kept, bytes, replacedMs);
      }
    });
  }

  /**
   * Removes the file of a large value, and keeps it here if wanted. `seq` is that of the record that removed its item;
   * 0: no record ever named the file.
   */
  async takeLargeValue(id: number, bytes: number, seq: number): Promise<void> {
    const name = largeValueName(id);
    const replacedMs = this.#clock.nowMs();
    const kept = keptLargeValueName({ id, replacedSeq: seq, replacedMs });
    if (seq > 0) await this.#tryKeep(() => this.#link(name, kept, bytes, replacedMs));
    await this.#fs.remove(join(this.#dir, name));
  }

  /** Returns the segments here that lack no record, by the log number that each stands for. */
  wholeSegments(): ReadonlyMap<number, WholeSegment> {
    const found = new Map<number, WholeSegment>();
    for (const { name, bytes, wholeLast: last } of this.#files) {
      if (last !== undefined) found.set(last, { last, bytes, path: join(this.#folder, name) });
    }
    return found;
  }

  /** Returns the path of the kept large value `id`; undefined when it is not here. */
  largeValuePath(id: number): string | undefined {
    const start = keptLargeValueStart(id);
    const kept = this.#files.find(({ name }) => name.startsWith(start));
    return kept === undefined ? undefined : join(this.#folder, kept.name);
  }

  /** Removes files that are too old, and the oldest while the files are too large together. */
  async trim(): Promise<void> {
    const { keepMs, bytesMax } = this.#options;
    const endMs = this.#clock.nowMs() - keepMs;
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0]) {
      const isOld = file.replacedMs < endMs;
      if (!isOld && (bytesMax === 0 || this.#bytes <= bytesMax)) return;
      await this.#drop(file);
    }
  }

  /** Removes all files, because the disk is full and the served data needs the room. */
  async clear(): Promise<void> {
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0])
      await this.#drop(file);
  }

  /** Only warns when the disk is full or has no second names: the server goes on, and the history has a gap. */
  async #tryKeep(link: () => Promise<void>): Promise<void> {
    if (!this.isKept) return;
    try {
      await link();
      await this.#fs.syncDir(this.#folder);
    } catch (error) {
      this.#logger.warn(`The history has a gap, a file could not be kept: ${failureText(error)}`, {
        path: this.#folder,
      });
    }
  }

  async #link(name: string, kept: string, bytes: number, replacedMs: number): Promise<void> {
    try {
      await this.#fs.link(join(this.#dir, name), join(this.#folder, kept));
    } catch (error) {
      // An earlier try of this replacement, which was given up, has linked the file.
      if (systemCode(error) === 'EEXIST') return;
      throw error;
    }
    this.#note({ name: kept, bytes, replacedMs });
  }

  async #drop(file: KeptFile): Promise<void> {
    await this.#fs.remove(join(this.#folder, file.name));
    this.#files.shift();
    this.#bytes -= file.bytes;
  }

  #note(file: Omit<KeptFile, 'wholeLast'>): void {
    const kept = parseKeptName(file.name);
    const isWhole = kept !== undefined && 'horizon' in kept && kept.horizon === 0;
    this.#files.push({ ...file, wholeLast: isWhole ? kept.last : undefined });
    this.#bytes += file.bytes;
  }

  async #sizeOf(name: string): Promise<number> {
    const file = await this.#fs.open(join(this.#folder, name), 'read');
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }
}
