// The sweeper: removes dead items (expired, flushed) from the keydir and drops items that nobody used for --max-idle.
// It works in slices, so that no request waits for it, and rests when there is nothing to find.

import type { Timer } from '../../env/env.js';
import type { StoreParts } from '../items/parts.js';
import { FlushPass } from '../flushes/pass.js';
import { ITEM_MARK } from '../keydir/keydir.js';
import { walkFor } from './timed-walk.js';

const TICK_MS = 100;
const SLICE_KEYS_MIN = 1_000;
const SLICE_KEYS_MAX = 20_000;
/** A slice ends after this time, however many keys are left of it. */
const SLICE_MS_MAX = 5;
/** A walk over all keys takes about this many ticks. */
const WALK_TICKS = 300;
/** The least time between two seals that are written because of expired items. */
const SEAL_PAUSE_MS = 1_000;

export class Sweeper {
  readonly #parts: StoreParts;
  readonly #pass: FlushPass;
  #timer: Timer | undefined;
  /** Set when a flush is due before the next tick. */
  #flushTimer: Timer | undefined;
  #cursor = 0;
  #stopped = false;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#pass = new FlushPass(parts.flushes, parts.log);
    parts.commits.carryOutFlushes();
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#flushTimer?.cancel();
  }

  /** Does one slice of the walk. */
  sweep(): void {
    const parts = this.#parts;
    const { items, options, counters } = parts;
    parts.commits.carryOutFlushes();
    const retires = this.#pass.prepare();
    if (this.#cursor === 0) {
      if (items.expiringCount === 0 && !retires && options.idleMsMax === 0) return;
      this.#pass.begin();
      counters.sweeps += 1;
    }
    const idleBefore = parts.clock.nowSeconds() - options.idleMsMax / 1000;
    const share = Math.ceil(items.count / WALK_TICKS);
    const budget = Math.min(SLICE_KEYS_MAX, Math.max(SLICE_KEYS_MIN, share));
    const { clock } = parts.env;
    this.#cursor = walkFor(clock, SLICE_MS_MAX, items.keydir, this.#cursor, budget, (ref) => {
      counters.sweeperChecked += 1;
      this.#visit(ref, idleBefore);
    });
    if (this.#cursor === 0) this.#pass.end();
  }

  #visit(ref: number, idleBefore: number): void {
    const parts = this.#parts;
    const { keydir } = parts.items;
    const reason = parts.liveness.deadReason(ref);
    if (reason !== undefined && parts.liveness.isDeadForGood(ref)) {
      if ((keydir.marks(ref) & ITEM_MARK.FETCHED) === 0) parts.counters.expiredUnfetched += 1;
      parts.counters.sweeperReclaimed += 1;
      parts.commits.forget(ref);
      return;
    }
    if (reason === 'expired' && parts.liveness.logsExpiries) {
      this.#logExpiry(ref);
      return;
    }
    if (reason !== undefined) this.#sealSoon();
    if (parts.options.idleMsMax === 0 || reason !== undefined) return;
    if (keydir.lastUsedSeconds(ref) >= idleBefore) return;
    if (parts.commits.removal(keydir.key(ref), ref, 'idle') !== undefined) {
      parts.counters.idleDropped += 1;
    }
  }

  #logExpiry(ref: number): void {
    const { items, commits, counters } = this.#parts;
    const isUnfetched = (items.keydir.marks(ref) & ITEM_MARK.FETCHED) === 0;
    if (commits.removal(items.keydir.key(ref), ref, 'expired') === undefined) return;
    if (isUnfetched) counters.expiredUnfetched += 1;
    counters.sweeperReclaimed += 1;
  }

  /** Seals, because an item is forgotten only when the log shows a time at which it was dead; an idle log shows none. */
  #sealSoon(): void {
    const { clock, log } = this.#parts;
    if (clock.nowMs() - log.durableTimeMs >= SEAL_PAUSE_MS) log.seal();
  }

  #plan(): void {
    this.#timer = this.#parts.env.clock.setTimer(TICK_MS, () => {
      if (this.#stopped) return;
      this.sweep();
      this.#planFlush();
      this.#plan();
    });
  }

  /** Plans the record of a flush that is due before the next tick, so that it does not wait for a request. */
  #planFlush(): void {
    const { env, clock, flushes } = this.#parts;
    const delayMs = flushes.promises.nextMs - clock.nowMs();
    if (delayMs >= TICK_MS) return;
    this.#flushTimer?.cancel();
    this.#flushTimer = env.clock.setTimer(Math.max(0, delayMs), () => {
      if (!this.#stopped) this.#parts.commits.carryOutFlushes();
    });
  }
}
