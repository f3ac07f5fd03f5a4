// The messages between the main thread and the background worker. Buffers are transferred, not copied.

import type { HashSeed } from '../../log/bytes/key-hash.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { ManifestEntry } from '../../log/bytes/manifest.js';

/** A segment that the worker may read, by its place in the manifest. */
export interface SegmentPlace extends Omit<ManifestEntry, 'bytes'> {
  readonly committedBytes: number;
}

/** Copy what is needed of `run` into `temporaryName`, which stands for `output` afterwards. */
export interface CompactTask {
  readonly task: 'compact';
  readonly storeId: string;
  readonly run: readonly SegmentPlace[];
  readonly output: Omit<ManifestEntry, 'bytes'>;
  readonly createdAtMs: number;
  readonly temporaryName: string;
  /** For the hint. */
  readonly hashSeed: HashSeed;
}

/** Scan a sealed segment and write its hint. */
export interface HintTask {
  readonly task: 'hint';
  readonly segment: SegmentPlace;
  readonly hashSeed: HashSeed;
}

/** Export to `temporaryName` the items that follow as ExportItems messages. */
export interface ExportTask {
  readonly task: 'export';
  readonly temporaryPath: string;
  readonly seq: number;
  readonly createdAtMs: number;
  readonly storeId: string;
}

/** Read a piece of a file again: of a sealed segment, or of a large value. */
export interface ScrubTask {
  readonly task: 'scrub';
  readonly storeId: string;
  readonly target: SegmentPlace | LargeReference;
  /** Byte of the segment, or of the value, from where; 0: with the file's header. */
  readonly from: number;
  /** About so much. */
  readonly bytesMax: number;
}

export type Task = CompactTask | HintTask | ExportTask | ScrubTask;

/** Worker → main: what becomes of each of these records? `entries` as in entry-list.ts. */
export interface JudgeQuestion {
  readonly ask: 'judge';
  readonly count: number;
  /** With their hashes. */
  readonly entries: Uint8Array;
  /** Bytes of segment that were read for it. */
  readonly bytes: number;
}

/** Main → worker, an element a record. */
export interface JudgeAnswer {
  readonly answer: 'judged';
  /** When, on the store's clock: what had expired by then is dropped. */
  readonly nowMs: number;
  readonly verdicts: Uint8Array;
  /** Those of the question, with the expiry to write with VERDICT.keep. */
  readonly entries: Uint8Array;
}

export const VERDICT = {
  drop: 0,
  /** Write it with the expiry that its entry has now. */
  keep: 1,
  /** As keep, and mark it won. */
  keepWon: 2,
  /** Write as it is: the key has changes that are not durable. */
  verbatim: 3,
  /** Write a tombstone in its place: something older may hold the key. */
  tombstone: 4,
} as const;

/** Worker → main: the output is complete and synced under its temporary name. */
export interface CompactDone {
  readonly done: 'compact';
  readonly committedBytes: number;
  /** Of the records in it. */
  readonly frameBytes: number;
  /** A whole hint of the output, ready to be written; its puts are what has moved. */
  readonly hint: Uint8Array;
}

export interface HintDone {
  readonly done: 'hint';
}

/** Main → worker: items to export; `last` ends the export. Locations are in segments by slot. */
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

/** Worker → main: the items sent so far are written; send more. */
export interface ExportMore {
  readonly ask: 'items';
}

export interface ScrubDone {
  readonly done: 'scrub';
  readonly bytes: number;
  /** From where to go on; undefined: the file is done. */
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

/** A task's line to the main thread: one question at a time. */
export interface Line {
  post(message: FromWorker, transfer?: readonly ArrayBuffer[]): void;
  /** The next answer. */
  answer(): Promise<JudgeAnswer | ExportItems>;
}
