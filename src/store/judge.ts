// What compaction does with each record of a run: the rules that keep the deleted deleted, the expired
// expired, and the unsynced undone (docs/recovery.md, "Compaction").
//
// A record may go when a durable record in a later place says more about its key, or when it is dead and
// nothing older can still hold its key, that is when the run begins with the oldest segment. What is dead
// elsewhere becomes a tombstone. While a key has changes above the watermark, all its records stay as they
// are: the changes may yet be taken back.

import { visitEntries } from '../log/entry-list.js';
import type { ReplayEntry } from '../log/entry-list.js';
import { RECORD } from '../log/format.js';
import { VERDICT } from './background/messages.js';
import type { JudgeAnswer, JudgeQuestion } from './background/messages.js';
import type { Core } from './core.js';
import { MARK } from './keydir.js';

export class Judge {
  readonly #core: Core;
  readonly #runSlots: ReadonlySet<number>;
  readonly #isOldest: boolean;
  /** Some record was kept for changes that are not durable: then no flush may go either. */
  #keptVerbatim = false;
  /** Some record was kept that a flush has killed, because the log does not show yet that it is due. */
  #keptDead = false;
  /** Frames that are dead but could not go yet: compacting the run again at once would free nothing. */
  stuckBytes = 0;

  /** `runSlots`: slots of the run's segments; `isOldest`: nothing in the log is older than the run. */
  constructor(core: Core, runSlots: ReadonlySet<number>, isOldest: boolean) {
    this.#core = core;
    this.#runSlots = runSlots;
    this.#isOldest = isOldest;
  }

  answer(question: JudgeQuestion): JudgeAnswer {
    const verdicts = new Uint8Array(question.count);
    const expiresAt = new Float64Array(question.count);
    const { keydir } = this.#core.items;
    const bytes = Buffer.from(
      question.entries.buffer,
      question.entries.byteOffset,
      question.entries.length,
    );
    let at = 0;
    visitEntries(bytes, 0, question.count, (entry) => {
      const verdict = this.#judge(entry);
      verdicts[at] = verdict;
      if (verdict === VERDICT.verbatim && !this.#isNewest(entry)) this.stuckBytes += entry.bytes;
      expiresAt[at] = entry.expiresAt;
      if (entry.type === RECORD.put && (verdict === VERDICT.keep || verdict === VERDICT.keepWon)) {
        expiresAt[at] = keydir.expiresAt(keydir.find(entry.key));
      }
      at += 1;
    });
    return { answer: 'judged', verdicts, expiresAt };
  }

  #isNewest(entry: ReplayEntry): boolean {
    const { keydir } = this.#core.items;
    const ref = entry.type === RECORD.put ? keydir.find(entry.key) : 0;
    return ref !== 0 && keydir.seq(ref) === entry.seq;
  }

  #judge(entry: ReplayEntry): number {
    const { items } = this.#core;
    if (entry.type === RECORD.flush || entry.type === RECORD.deletePrefix) {
      return this.#judgeFlush(entry);
    }
    const ref = items.keydir.find(entry.key);
    if (items.afterOf(ref, entry.key) !== 0) {
      this.#keptVerbatim = true;
      return VERDICT.verbatim;
    }
    if (entry.type === RECORD.put) return this.#judgePut(ref, entry);
    if (entry.type === RECORD.touch) return this.#judgeTouch(ref, entry);
    const isSuperseded = ref !== 0 && items.keydir.seq(ref) > entry.seq;
    return this.#isOldest || isSuperseded ? VERDICT.drop : VERDICT.keep;
  }

  #judgePut(ref: number, entry: ReplayEntry): number {
    const core = this.#core;
    const { keydir } = core.items;
    if (ref !== 0 && keydir.seq(ref) !== entry.seq) return VERDICT.drop;
    if (ref !== 0 && !core.isDeadForGood(ref)) {
      if (core.deadReason(ref) !== undefined) this.#keptDead = true;
      return (keydir.marks(ref) & MARK.WON) === 0 ? VERDICT.keep : VERDICT.keepWon;
    }
    if (ref !== 0) core.forget(ref);
    return this.#isOldest ? VERDICT.drop : VERDICT.tombstone;
  }

  /**
   * A touch is needed while it says the item's expiry, unless its put is in the run and is written with it.
   * When the item is gone, the touch may be what ended it, and an older segment may hold the put.
   */
  #judgeTouch(ref: number, entry: ReplayEntry): number {
    if (ref === 0) return this.#isOldest ? VERDICT.drop : VERDICT.tombstone;
    const { keydir } = this.#core.items;
    if (keydir.seq(ref) !== entry.value.readUIntLE(0, 6)) return VERDICT.drop;
    if (this.#runSlots.has(keydir.segment(ref))) return VERDICT.drop;
    return keydir.expiresAt(ref) === entry.expiresAt ? VERDICT.keep : VERDICT.drop;
  }

  #judgeFlush(entry: ReplayEntry): number {
    const { flushes, log } = this.#core;
    const isDone = !flushes.isPromise(entry.seq, log.watermark);
    const mayGo = this.#isOldest && isDone && !this.#keptVerbatim && !this.#keptDead;
    return mayGo ? VERDICT.drop : VERDICT.verbatim;
  }
}
