// What a keydir is beside its words, as an image has it (docs/format.md, "IMAGE"): small enough for JSON.

/** All that a keydir is but its words (docs/format.md, "IMAGE"). */
export interface KeydirState {
  readonly count: number;
  /** Null: the order of use is not kept. */
  readonly recency: RecencyEnds | null;
  readonly entries: EntriesState;
  readonly index: IndexState;
}

/** What the records are, beside their words (docs/format.md, "IMAGE"). */
export interface EntriesState {
  readonly headerWords: number;
  /** Live records of each page; null: given back. */
  readonly live: readonly (number | null)[];
  readonly filling: number;
  readonly end: number;
  /** A size in words and the first free record of it. */
  readonly free: readonly (readonly [number, number])[];
}

/** What the index is, beside the words of its buckets (docs/format.md, "IMAGE"). */
export interface IndexState {
  readonly blocksMin: number;
  readonly buckets: BucketsState;
  readonly shards: readonly ShardState[];
}

/** Its number, keys, size and least size in blocks; then its blocks. */
export type ShardState = readonly [number, number, number, number, ...number[]];

/** What the blocks are, beside their words. */
export interface BucketsState {
  /** Blocks that were ever handed out: they are numbered from 1. */
  readonly used: number;
  /** The first free block; 0: none. */
  readonly free: number;
}

/** The oldest and the newest record. */
export type RecencyEnds = readonly [number, number];
