// A load and its result: the contract between the harness and the generator's process.

import type { LatencySummary } from './histogram.js';

export type Protocol = 'memcached' | 'redis' | 'etcd';

export interface LoadSpec {
  readonly protocol: Protocol;
  readonly port: number;
  readonly connections: number;
  /** Requests sent at once on a connection; the next ones follow when all replies have come. */
  readonly pipeline: number;
  readonly keyCount: number;
  /** The prefix of the keys, four bytes. With a tag in braces all keys are in one slot of a Redis cluster. */
  readonly keyPrefix: string;
  /** Fill only: the number of each key is a multiple of it, so that other keys stay as they are. */
  readonly keyStep: number;
  readonly valueBytes: number;
  readonly distribution: 'uniform' | 'zipfian';
  /** Share of reads, 0 (only SET) to 1 (only GET). */
  readonly readRatio: number;
  /**
   * - `closed`: requests go out as fast as replies come.
   * - `open`: `ratePerSecond` requests are due at even intervals. Latency counts from the time when a request was
   *   due, not when it could be sent, so that all requests that a pause of the server held up show it (no coordinated
   *   omission). Requests that are due on a connection go out at once, even behind unanswered ones.
   * - `fill`: every key once.
   */
  readonly mode: 'closed' | 'open' | 'fill';
  readonly ratePerSecond: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly seed: number;
  /** The process whose CPU time is read at both ends of the measured time; 0: none. */
  readonly serverPid: number;
}

export interface LoadResult extends LatencySummary {
  readonly requests: number;
  /** Gets that found nothing: a measurement of hits must have none. */
  readonly misses: number;
  /** Replies that are errors. */
  readonly errors: number;
  readonly seconds: number;
  readonly rps: number;
  readonly serverCpuUsPerRequest: number;
  /** The part of it in the server's own code. The rest is the kernel's, and depends on which process sleeps. */
  readonly serverUserUsPerRequest: number;
  /** Share of one core that the generator used. Near 1 the generator is the bottleneck, and not the server. */
  readonly generatorBusy: number;
  /** Open loop: how late the generator itself was with requests, p99 and longest. It is part of the latency. */
  readonly lateMs?: number;
  readonly latestMs?: number;
}

export const DEFAULT_LOAD: Omit<LoadSpec, 'protocol' | 'port'> = {
  connections: 50,
  pipeline: 1,
  keyCount: 100_000,
  keyPrefix: 'key:',
  keyStep: 1,
  valueBytes: 100,
  distribution: 'uniform',
  readRatio: 1,
  mode: 'closed',
  ratePerSecond: 0,
  warmupMs: 300,
  durationMs: 2000,
  seed: 1,
  serverPid: 0,
};
