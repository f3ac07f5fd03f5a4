// The load straight on an engine: the contract between the harness and the bare client's process.

import type { Asked } from './gathering.js';

export interface EngineSpec {
  readonly client: 'etcd batches' | 'etcd singles' | 'redis pipelines';
  /** host:port of a node. */
  readonly node: string;
  /** Redis: WAIT for so many replicas behind each pipeline. */
  readonly waitsFor?: number;
  /** Each has one request outstanding. */
  readonly callers: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly isRead: boolean;
  /** Every key once, instead of as fast as answers come for `durationMs`. */
  readonly fills: boolean;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly seed: number;
}

/** What a case says of it; the rest is of the run. */
export type EngineLoad = Omit<EngineSpec, 'fills' | 'seed' | 'warmupMs' | 'durationMs'> &
  Partial<EngineSpec>;

/** How callers reach an engine. */
export interface EngineClient {
  ask(asked: Asked): void;
}
