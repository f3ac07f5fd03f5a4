// Quiet collection: when the server has been quiet for a few seconds after work, gives up spare buffers and makes V8
// collect once. V8 collects only when code allocates. A server without requests allocates nothing, and would keep the
// dead buffers of the last burst, and the young generation that the burst enlarged, until the next burst.
//
// Invariants:
// - Nothing is collected while the thread has work, nor twice for the same work: a collection stops the thread for
//   some 10 ms.
// - Two collections are at least GAP_MS apart under any load.

import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import v8 from 'node:v8';
import vm from 'node:vm';

import type { Clock } from '../env/env.js';

const LOOK_MS = 2000;
/** The thread counts as working when it is busy for this share of the time between two looks; below that it is quiet. */
const BUSY_SHARE = 0.01;
/** V8 shrinks the young generation only when almost nothing was allocated for 5 s. */
const QUIET_LOOKS = 3;
const GAP_MS = 30_000;

export class QuietCollection {
  readonly #clock: Clock;
  readonly #busyShare: () => number;
  readonly #collect: () => void;
  #hasWorked = false;
  #quietLooks = 0;
  #collectedMs = Number.NEGATIVE_INFINITY;

  /** `busyShare` returns the busy share of the time since its last call. */
  constructor(clock: Clock, busyShare: () => number, collect: () => void) {
    this.#clock = clock;
    this.#busyShare = busyShare;
    this.#collect = collect;
  }

  /** Begins to look. Work before this call does not count. */
  start(): void {
    this.#busyShare();
    this.#wait();
  }

  #wait(): void {
    this.#clock.setTimer(LOOK_MS, () => {
      this.#look();
      this.#wait();
    });
  }

  #look(): void {
    if (this.#busyShare() >= BUSY_SHARE) {
      this.#hasWorked = true;
      this.#quietLooks = 0;
      return;
    }
    this.#quietLooks += 1;
    if (!this.#hasWorked || this.#quietLooks < QUIET_LOOKS) return;
    if (this.#clock.monotonicMs() - this.#collectedMs < GAP_MS) return;
    this.#collectedMs = this.#clock.monotonicMs();
    this.#hasWorked = false;
    this.#collect();
    // The time of the collection itself does not count as work.
    this.#busyShare();
  }
}

/** Returns a function that reports the busy share of this thread since its last call. */
export function threadBusyShare(): () => number {
  let before: EventLoopUtilization | undefined;
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** Returns V8's own collector, which Node exposes only under a flag. */
export function v8Collector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  v8.setFlagsFromString('--no-expose-gc');
  return collect;
}
