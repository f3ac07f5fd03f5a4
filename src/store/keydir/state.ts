// State of a keydir in an image, without its words (docs/format.md, "IMAGE"): small enough for JSON.

/** A keydir without its words (docs/format.md, "IMAGE"). */
export interface KeydirState {
  readonly count: number;
  /** Null: the order of use is not kept. */
  readonly recency: RecencyEnds | null;
  readonly entries: EntriesState;
  readonly index: IndexState;
}

/** The records without their words (docs/format.md, "IMAGE"). */
export interface EntriesState {
  readonly headerWords: number;
  /** Number of live records of each page; null: the page was freed. */
  readonly live: readonly (number | null)[];
  readonly filling: number;
  readonly end: number;
  /** Pairs of a size in words and the first free record of that size. */
  readonly free: readonly (readonly [number, number])[];
}

/** The index without the words of its buckets (docs/format.md, "IMAGE"). */
export interface IndexState {
  readonly blocksMin: number;
  readonly buckets: BucketsState;
  readonly shards: readonly ShardState[];
}

/** A shard's number, count of keys, size and least size in blocks; then its blocks. */
export type ShardState = readonly [number, number, number, number, ...number[]];

/** The buckets without their words. */
export interface BucketsState {
  /** Number of blocks that were ever allocated; they are numbered from 1. */
  readonly used: number;
  /** The first free block; 0: none. */
  readonly free: number;
}

/** The oldest and the newest record. */
export type RecencyEnds = readonly [number, number];
