// A load directly on an engine: the contract between the harness and the bare client's process.

import type { Asked } from './gathering.js';

export interface EngineSpec {
  readonly client: 'etcd batches' | 'etcd singles' | 'redis pipelines';
  /** host:port of a node. */
  readonly node: string;
  /** Redis: the number of replicas for the WAIT behind each pipeline. */
  readonly waitsFor?: number;
  /** Each caller has one request outstanding. */
  readonly callers: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly isRead: boolean;
  /** Writes every key once, instead of sending requests as fast as answers come for `durationMs`. */
  readonly fills: boolean;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly seed: number;
}

/** The fields that a case sets; the run sets the others. */
export type EngineLoad = Omit<EngineSpec, 'fills' | 'seed' | 'warmupMs' | 'durationMs'> &
  Partial<EngineSpec>;

/** The interface through which callers reach an engine. */
export interface EngineClient {
  ask(asked: Asked): void;
}
