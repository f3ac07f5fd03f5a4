// Messages between the main thread and the background worker. Buffers are transferred, not copied.

import type { HashSeed } from '../../log/bytes/key-hash.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { ManifestEntry } from '../../log/bytes/manifest.js';

/** A segment that the worker may read, by its place in the manifest. */
export interface SegmentPlace extends Omit<ManifestEntry, 'bytes'> {
  readonly committedBytes: number;
}

/** Copy the records of `run` that are still needed into `temporaryName`, which becomes `output` afterwards. */
export interface CompactTask {
  readonly task: 'compact';
  readonly storeId: string;
  readonly run: readonly SegmentPlace[];
  readonly output: Omit<ManifestEntry, 'bytes'>;
  readonly createdAtMs: number;
  readonly temporaryName: string;
  /** The seed of the hashes in the hint. */
  readonly hashSeed: HashSeed;
}

/** Scan a sealed segment and write its hint. */
export interface HintTask {
  readonly task: 'hint';
  readonly segment: SegmentPlace;
  readonly hashSeed: HashSeed;
}

/** Export to `temporaryPath` the items that follow as ExportItems messages. */
export interface ExportTask {
  readonly task: 'export';
  readonly temporaryPath: string;
  readonly seq: number;
  readonly createdAtMs: number;
  readonly storeId: string;
}

/** Read again a piece of a sealed segment or of a large value's file. */
export interface ScrubTask {
  readonly task: 'scrub';
  readonly storeId: string;
  readonly target: SegmentPlace | LargeReference;
  /** The first byte of the segment or of the value to read; 0: check the file's header too. */
  readonly from: number;
  /** About the number of bytes to read. */
  readonly bytesMax: number;
}

export type Task = CompactTask | HintTask | ExportTask | ScrubTask;

/** Worker → main: asks what becomes of each record. `entries` is a list of log/bytes/entry-list.ts, with hashes. */
export interface JudgeQuestion {
  readonly ask: 'judge';
  readonly count: number;
  readonly entries: Uint8Array;
  /** Bytes of segment that were read for these records. */
  readonly bytes: number;
}

/** Main → worker: a verdict for each record. */
export interface JudgeAnswer {
  readonly answer: 'judged';
  /** Time of the judgement, on the store's clock: records that had expired by then are dropped. */
  readonly nowMs: number;
  readonly verdicts: Uint8Array;
  /** The entries of the question, with the expiry to write for VERDICT.keep. */
  readonly entries: Uint8Array;
}

export const VERDICT = {
  drop: 0,
  /** Write it with the expiry that its entry has now. */
  keep: 1,
  /** Write it as for keep, and mark it won. */
  keepWon: 2,
  /** Write it unchanged: the key has changes that are not durable. */
  verbatim: 3,
  /** Write a tombstone in its place: an older segment may hold the key. */
  tombstone: 4,
} as const;

/** Worker → main: the output is complete and synced under its temporary name. */
export interface CompactDone {
  readonly done: 'compact';
  readonly committedBytes: number;
  /** Bytes of the frames in the output. */
  readonly frameBytes: number;
  /** A whole hint of the output, ready to be written. Its puts are the records that have moved. */
  readonly hint: Uint8Array;
}

export interface HintDone {
  readonly done: 'hint';
}

/** Main → worker: items to export, each at a place in the segment of a slot; `last` ends the export. */
export interface ExportItems {
  readonly answer: 'items';
  readonly items: readonly ExportItem[];
  readonly segments: readonly (SegmentPlace & { readonly slot: number })[];
  readonly last: boolean;
}

export interface ExportItem {
  readonly slot: number;
  readonly offset: number;
  readonly bytes: number;
  readonly expiresAt: number;
}

/** Worker → main: asks for more items; those sent so far are written. */
export interface ExportMore {
  readonly ask: 'items';
}

export interface ScrubDone {
  readonly done: 'scrub';
  readonly bytes: number;
  /** The byte to continue at; undefined: the file is done. */
  readonly next: number | undefined;
  readonly damage: { readonly offset: number; readonly what: string } | undefined;
  readonly isMissing: boolean;
}

export interface ExportDone {
  readonly done: 'export';
  readonly count: number;
  readonly bytes: number;
}

interface TaskFailed {
  readonly done: 'failed';
  readonly code: string | undefined;
  readonly message: string;
}

export type FromWorker =
  JudgeQuestion | CompactDone | HintDone | ScrubDone | ExportMore | ExportDone | TaskFailed;
export type ToWorker = Task | JudgeAnswer | ExportItems | { readonly stop: true };

/** The connection of a task to the main thread: one question at a time. */
export interface Line {
  post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  /** Resolves to the next answer. */
  answer(): Promise<JudgeAnswer | ExportItems>;
}
