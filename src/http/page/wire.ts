// The messages between the page and the server, as JSON. Both sides are compiled against these types.
//
// Invariant: bytes (keys, values) are base64url, because they need not be text; seqs and tokens are decimal text.

/** Requests of one command during a sample. */
export interface CommandSample {
  readonly command: string;
  readonly perSecond: number;
  /** Ms, as exactly as the buckets of the histogram tell. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** The events since the last sample, and the present state. Bytes are bytes, times are ms, rates are per second. */
export interface Sample {
  /** Unix ms. */
  readonly at: number;
  /** The reasons why /readyz would not answer 200. */
  readonly troubles: readonly string[];
  /** Commands that had requests; `all` is the first. */
  readonly commands: readonly CommandSample[];
  /** Share of the requested keys that existed; undefined when no key was requested. */
  readonly hitShare: number | undefined;
  readonly commits: number;
  readonly records: number;
  readonly commitP99: number | undefined;
  readonly received: number;
  readonly sent: number;
  /** Of 100 timers, 99 were late by no more than this. */
  readonly loopDelay: number | undefined;
  readonly items: number;
  readonly connections: number;
  readonly memory: {
    readonly resident: number;
    readonly heap: number;
    readonly cache: number;
    readonly keydir: number;
  };
  readonly disk: {
    readonly segments: number;
    readonly live: number;
    readonly dead: number;
    readonly large: number;
    readonly history: number;
  };
}

/** Neighbouring segments; a group has more than one when there are too many to show each. */
export interface SegmentGroup {
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly state: 'sealed' | 'compacting' | 'active' | 'next';
  readonly bytes: number;
  readonly live: number;
  readonly dead: number;
  /** Bytes that a compaction has read of it. */
  readonly compacted: number;
}

export interface LogPicture {
  /** Bytes of a full segment. */
  readonly segmentBytes: number;
  readonly groups: readonly SegmentGroup[];
  readonly jobs: readonly JobView[];
}

export type JobName = 'compaction' | 'snapshot' | 'backup';

export interface JobOutcome {
  readonly compaction?: {
    readonly segmentsBefore: number;
    readonly segmentsAfter: number;
    readonly bytesBefore: number;
    readonly bytesAfter: number;
  };
  readonly snapshot?: { readonly path: string; readonly count: number; readonly bytes: number };
  /** The words of kv-backup. */
  readonly backup?: string;
}

/** Work that somebody started on the page; `startedAt` is Unix ms. */
export type JobView = { readonly name: JobName; readonly startedAt: number } & (
  | {
      readonly state: 'running';
      /** Bytes; undefined when the progress is not known. */
      readonly progress: { readonly done: number; readonly total: number } | undefined;
    }
  | { readonly state: 'done'; readonly outcome: JobOutcome }
  | { readonly state: 'failed'; readonly error: string }
);

export interface Hello {
  readonly version: string;
  readonly pid: number;
  /** Unix ms. */
  readonly startedAt: number;
  readonly dataDir: string;
  readonly mayWrite: boolean;
  readonly mayBackUp: boolean;
  readonly delimiter: string;
  /** The samples of the last minutes in which somebody watched. */
  readonly samples: readonly Sample[];
}

export type LiveEvent =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'log'; readonly log: LogPicture };

export interface ListedKey {
  readonly key: string;
  /** Bytes of the record on disk. */
  readonly bytes: number;
  /** Seconds; -1: never expires. */
  readonly ttl: number;
  /** Seconds since its last use. */
  readonly idle: number;
}

export interface KeyPage {
  readonly keys: readonly ListedKey[];
  /** The cursor of the next page; 0 when this page is the last. */
  readonly cursor: number;
  /** The server stopped early to let other work go first: the page may have more keys. */
  readonly isPart: boolean;
}

export interface ShownValue {
  readonly flags: number;
  readonly cas: string;
  /** Seconds; -1: never expires. */
  readonly ttl: number;
  /** Bytes of the whole value. */
  readonly bytes: number;
  /** The beginning of the value. */
  readonly value: string;
}

/** A key or a prefix, with the bytes of its records. */
export interface Weight {
  readonly key: string;
  readonly bytes: number;
  /** 1 for a key; for a prefix the number of keys that begin with it. */
  readonly keys: number;
}

export type SizesEvent =
  | { readonly kind: 'progress'; readonly seen: number; readonly total: number }
  | {
      readonly kind: 'sizes';
      readonly largest: readonly Weight[];
      readonly prefixes: readonly Weight[];
      readonly all: { readonly keys: number; readonly bytes: number };
      /** Keys of more prefixes than the server counts apart; 0 when it counted all. */
      readonly others: number;
    };

export interface ConnectionView {
  readonly id: number;
  readonly address: string;
  readonly listener: string;
  readonly state: string;
  readonly idle: number;
}

export interface ConnectionList {
  readonly connections: readonly ConnectionView[];
  /** There are more connections. */
  readonly isCut: boolean;
}

/** The result of a change, in the words of the store. */
export interface ChangeAnswer {
  readonly status: string;
}

export interface Refused {
  readonly error: string;
}
