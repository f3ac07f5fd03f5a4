// Quiet collection: after work, when the server has been quiet for a few seconds, gives up spare buffers and has V8
// collect once. V8 collects when somebody allocates. A server without requests allocates nothing, and would keep the
// dead buffers of the last burst, and the young generation as wide as that burst made it, until the next one.
//
// Invariants:
// - Nothing is collected while the thread has work, nor twice for the same work: a collection stops the thread for
//   some 10 ms.
// - Two collections are at least GAP_MS apart, whatever the work looks like.

import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import v8 from 'node:v8';
import vm from 'node:vm';

import type { Clock } from '../env/env.js';

const LOOK_MS = 2000;
/** The thread works when it is busy for this share of the time between two looks; below, it is quiet. */
const BUSY_SHARE = 0.01;
/** V8 makes the young generation small again only when next to nothing was allocated for 5 s. */
const QUIET_LOOKS = 3;
const GAP_MS = 30_000;

export class QuietCollection {
  readonly #clock: Clock;
  readonly #busyShare: () => number;
  readonly #collect: () => void;
  #hasWorked = false;
  #quietLooks = 0;
  #collectedMs = Number.NEGATIVE_INFINITY;

  /** `busyShare` tells of the time since it was asked last. */
  constructor(clock: Clock, busyShare: () => number, collect: () => void) {
    this.#clock = clock;
    this.#busyShare = busyShare;
    this.#collect = collect;
  }

  /** Begins to look. What was before is not looked at. */
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
    // The collection itself is no work.
    this.#busyShare();
  }
}

/** Of this thread. */
export function threadBusyShare(): () => number {
  let before: EventLoopUtilization | undefined;
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** V8's own collector, which Node shows only when it is asked to by a flag. */
export function v8Collector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  v8.setFlagsFromString('--no-expose-gc');
  return collect;
}
