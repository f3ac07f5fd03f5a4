// The life of an item that the keydir holds, or its end: expired or flushed ones are still there until somebody clears them
// away. Questions alone: nothing here changes anything.
//
// Invariant: an item that has expired or was flushed is never found.

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

  /** Of what the keydir holds of a key, `ref` or 0: the same if it lives, else 0. */
  live(ref: number): number {
    return ref !== 0 && this.deadReason(ref) === undefined ? ref : 0;
  }

  /** Why an item that is in the keydir is not live; undefined when it is. */
  deadReason(ref: number): DeadReason | undefined {
    const { isOpen, promises } = this.#flushes;
    if ((isOpen || promises.nextMs !== Infinity) && this.#isFlushed(ref)) return 'flushed';
    const expiresAt = this.#keydir.expiresAt(ref);
    return expiresAt !== 0 && expiresAt <= this.#clock.nowMs() ? 'expired' : undefined;
  }

  /**
   * Dead, and nothing can bring it back: no failed commit (a flush that is not durable may yet be taken
   * back), and no restart with a clock that is behind (the log must show a time when it was dead). Where expiries are
   * logged, an expired item is so only when its record has taken it away.
   */
  isDeadForGood(ref: number): boolean {
    const reason = this.deadReason(ref);
    if (reason === undefined) return false;
    const { durableTimeMs, watermark } = this.#log;
    if (reason === 'flushed') return this.killerOf(ref, watermark) !== 0;
    return !this.logsExpiries && this.#keydir.expiresAt(ref) <= durableTimeMs;
  }

  /** Dead by the clock, of which a restart would find nothing in the log. */
  isDeadByTimeAlone(ref: number): boolean {
    const reason = this.deadReason(ref);
    if (reason === undefined || this.isDeadForGood(ref)) return false;
    return reason === 'expired' || this.isFlushDue;
  }

  /** The time of a later flush has come, and its record has not: all that is there is dead. */
  get isFlushDue(): boolean {
    return this.#flushes.promises.nextMs <= this.#clock.nowMs();
  }

  /** Seq of a flush up to `seqMax` that has killed the item; 0: none has. */
  killerOf(ref: number, seqMax: number): number {
    return this.#flushes.isOpen ? this.#flushes.killerOf(this.#keydir, ref, seqMax) : 0;
  }

  #isFlushed(ref: number): boolean {
    return this.isFlushDue || this.killerOf(ref, SEQ_MAX) !== 0;
  }
}
