// Liveness: says whether an item of the keydir is live, expired or flushed. Dead items stay in the keydir until something
// removes them. Nothing in this file changes the store.
//
// Invariant: no lookup finds an item that has expired or was flushed.

import { SEQ_MAX } from '../../limits.js';
import type { Log } from '../../log/log.js';
import type { StoreClock } from '../clock.js';
import type { Flushes } from '../flushes/flushes.js';
import type { KeydirView } from '../keydir/keydir.js';

export type DeadReason = 'expired' | 'flushed';

export class Liveness {
  readonly #keydir: KeydirView;
  readonly #clock: StoreClock;
  readonly #flushes: Flushes;
  readonly #log: Pick<Log, 'watermark' | 'durableTimeMs'>;
  /** See StoreOptions.logExpiries. */
  readonly logsExpiries: boolean;

  constructor(
    keydir: KeydirView,
    clock: StoreClock,
    flushes: Flushes,
    log: Pick<Log, 'watermark' | 'durableTimeMs'>,
    logsExpiries = false,
  ) {
    this.logsExpiries = logsExpiries;
    this.#keydir = keydir;
    this.#clock = clock;
    this.#flushes = flushes;
    this.#log = log;
  }

  /** Returns `ref`, a key's entry in the keydir or 0, if its item is live; otherwise 0. */
  live(ref: number): number {
    return ref !== 0 && this.deadReason(ref) === undefined ? ref : 0;
  }

  /** Returns the reason why an item of the keydir is dead; undefined when it is live. */
  deadReason(ref: number): DeadReason | undefined {
    const { isOpen, promises } = this.#flushes;
    if ((isOpen || promises.nextMs !== Infinity) && this.#isFlushed(ref)) return 'flushed';
    const expiresAt = this.#keydir.expiresAt(ref);
    return expiresAt !== 0 && expiresAt <= this.#clock.nowMs() ? 'expired' : undefined;
  }

  /**
   * Checks whether the item is dead and nothing can bring it back. A failed commit could, because it takes back a flush.
   * A restart with a clock that is behind could too, unless the log shows a time at which the item was dead. Where
   * expiries are logged, only the record of its expiry makes an expired item dead for good.
   */
  isDeadForGood(ref: number): boolean {
    const reason = this.deadReason(ref);
    if (reason === undefined) return false;
    const { durableTimeMs, watermark } = this.#log;
    if (reason === 'flushed') return this.killerOf(ref, watermark) !== 0;
    return !this.logsExpiries && this.#keydir.expiresAt(ref) <= durableTimeMs;
  }

  /** Checks whether the item is dead by the clock alone, so that a restart would not find its end in the log. */
  isDeadByTimeAlone(ref: number): boolean {
    const reason = this.deadReason(ref);
    if (reason === undefined || this.isDeadForGood(ref)) return false;
    return reason === 'expired' || this.isFlushDue;
  }

  /** True when the time of a flush promise has come and its record is still missing: every item is dead. */
  get isFlushDue(): boolean {
    return this.#flushes.promises.nextMs <= this.#clock.nowMs();
  }

  /** Returns the seq of a flush up to `seqMax` that has killed the item; 0: none has. */
  killerOf(ref: number, seqMax: number): number {
    return this.#flushes.isOpen ? this.#flushes.killerOf(this.#keydir, ref, seqMax) : 0;
  }

  #isFlushed(ref: number): boolean {
    return this.isFlushDue || this.killerOf(ref, SEQ_MAX) !== 0;
  }
}
