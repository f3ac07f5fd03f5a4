// The messages between the page and the server, as JSON. Both sides are compiled against these types.
//
// Invariant: bytes (keys, values) are base64url, because neither has to be text; seqs and tokens are decimal text.

/** Requests of one command during a sample. */
export interface CommandSample {
  readonly command: string;
  readonly perSecond: number;
  /** In ms, within the buckets of the histogram. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** What happened since the sample before, and how things are. Bytes are bytes, times ms, rates per second. */
export interface Sample {
  /** Unix ms. */
  readonly at: number;
  /** Why /readyz would not say 200. */
  readonly troubles: readonly string[];
  /** Those with requests; `all` is the first. */
  readonly commands: readonly CommandSample[];
  /** Share of keys asked for that were there; undefined: nobody asked. */
  readonly hitShare: number | undefined;
  readonly commits: number;
  readonly records: number;
  readonly commitP99: number | undefined;
  readonly received: number;
  readonly sent: number;
  /** 99 of 100 timers were no later. */
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

/** Segments side by side; more than one when there are too many to show each. */
export interface SegmentGroup {
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly state: 'sealed' | 'compacting' | 'active' | 'next';
  readonly bytes: number;
  readonly live: number;
  readonly dead: number;
  /** So much a compaction has read of it. */
  readonly compacted: number;
}

export interface LogPicture {
  /** A full segment. */
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
  /** As kv-backup says it. */
  readonly backup?: string;
}

/** Work that somebody asked for on the page; `startedAt` is Unix ms. */
export type JobView = { readonly name: JobName; readonly startedAt: number } & (
  | {
      readonly state: 'running';
      /** Bytes; undefined: nobody knows. */
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
  /** Of the last minutes in which somebody watched. */
  readonly samples: readonly Sample[];
}

export type LiveEvent =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'log'; readonly log: LogPicture };

export interface ListedKey {
  readonly key: string;
  /** Of the record on disk. */
  readonly bytes: number;
  /** Seconds; -1: never expires. */
  readonly ttl: number;
  /** Since its last use. */
  readonly idle: number;
}

export interface KeyPage {
  readonly keys: readonly ListedKey[];
  /** Where the next page begins; 0: that was the last. */
  readonly cursor: number;
  /** The server stopped to let others go first: there may be more keys of this page. */
  readonly isPart: boolean;
}

export interface ShownValue {
  readonly flags: number;
  readonly cas: string;
  /** Seconds; -1: never expires. */
  readonly ttl: number;
  /** Of the whole value. */
  readonly bytes: number;
  /** Its beginning. */
  readonly value: string;
}

/** A key or a prefix, with the bytes of its records. */
export interface Weight {
  readonly key: string;
  readonly bytes: number;
  /** 1 of a key; how many begin so. */
  readonly keys: number;
}

export type SizesEvent =
  | { readonly kind: 'progress'; readonly seen: number; readonly total: number }
  | {
      readonly kind: 'sizes';
      readonly largest: readonly Weight[];
      readonly prefixes: readonly Weight[];
      readonly all: { readonly keys: number; readonly bytes: number };
      /** Keys of more prefixes than the server counts apart; 0: it counted all. */
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
  /** There are more. */
  readonly isCut: boolean;
}

/** What a change came to, as the store says it. */
export interface ChangeAnswer {
  readonly status: string;
}

export interface Refused {
  readonly error: string;
}
