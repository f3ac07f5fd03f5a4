// The history: what compaction replaced and what the log no longer needs, kept for a time in a folder of the data
// directory, so that every moment of that time can be read again (docs/format.md, "history").
//
// Invariants:
// - A segment's file has its name here, durably, before the manifest ceases to name it: no crash leaves a gap. One whose
//   replacement was given up may be here and in the log; nothing ever changes either.
// - Nothing that serves or recovers reads it, or waits for it to succeed. A file that is missing makes moments unreadable,
//   never wrong: whoever reads the past compares horizons (offline/past-segments.ts).
// - It holds at most `bytesMax` bytes and goes at once when the disk is full.

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
  /** Files stay for so long after they were replaced; 0: they are removed at once. */
  readonly keepMs: number;
  /** The oldest go above this; 0: no bound but the time. */
  readonly bytesMax: number;
}

/** The moment of a replacement, on the clocks of the store. */
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
  /** Up to the end of its last batch. */
  readonly bytes: number;
}

interface HistoryStats {
  readonly files: number;
  readonly bytes: number;
  /** Unix ms; 0: there is none. */
  readonly oldestMs: number;
}

export class History {
  readonly #fs: Fs;
  readonly #logger: Logger;
  readonly #dir: string;
  readonly #folder: string;
  readonly #options: HistoryOptions;
  readonly #clock: HistoryClock;
  /** By the time of their replacement. */
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

  /** Makes the folder when it is wanted, and learns what is in it. Requires: the directory's lock. */
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
   * the horizon of what replaces them. What cannot be kept is told, and goes.
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

  /** Removes the file of a large value whose item went by the record of `seq`; 0: no record ever told of it. */
  async takeLargeValue(id: number, bytes: number, seq: number): Promise<void> {
    const name = largeValueName(id);
    const replacedMs = this.#clock.nowMs();
    const kept = keptLargeValueName({ id, replacedSeq: seq, replacedMs });
    if (seq > 0) await this.#tryKeep(() => this.#link(name, kept, bytes, replacedMs));
    await this.#fs.remove(join(this.#dir, name));
  }

  /** The segments here that lack no record, by the log number that each stands for. */
  wholeSegments(): ReadonlyMap<number, WholeSegment> {
    const found = new Map<number, WholeSegment>();
    for (const { name, bytes, wholeLast: last } of this.#files) {
      if (last !== undefined) found.set(last, { last, bytes, path: join(this.#folder, name) });
    }
    return found;
  }

  /** Where the large value of that number is kept; undefined: nowhere here. */
  largeValuePath(id: number): string | undefined {
    const start = keptLargeValueStart(id);
    const kept = this.#files.find(({ name }) => name.startsWith(start));
    return kept === undefined ? undefined : join(this.#folder, kept.name);
  }

  /** Removes what is too old and what is too much. */
  async trim(): Promise<void> {
    const { keepMs, bytesMax } = this.#options;
    const endMs = this.#clock.nowMs() - keepMs;
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0]) {
      const isOld = file.replacedMs < endMs;
      if (!isOld && (bytesMax === 0 || this.#bytes <= bytesMax)) return;
      await this.#drop(file);
    }
  }

  /** Gives all of it up: the disk is full, and what is served comes first. */
  async clear(): Promise<void> {
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0])
      await this.#drop(file);
  }

  /** A disk that is full, or has no second names, must not hold up what is served: the past has a gap then. */
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
      // A replacement that was given up, and is tried again.
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
