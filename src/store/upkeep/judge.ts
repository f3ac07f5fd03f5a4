// The judge of compaction: decides for each record of a run whether it is kept, dropped, or replaced by a tombstone. Its
// rules make sure that no compaction brings back a deleted or expired item (docs/recovery.md, "Compaction").
//
// A record is dropped when a durable record behind it replaces it. A dead record is dropped when nothing older can
// hold its key, that is when the run begins with the oldest segment; elsewhere a tombstone replaces it. While a
// key has changes above the watermark, all its records stay as they are: the changes may yet be taken back.
//
// Invariant: a turn of the loop judges for a few ms at most, however long each record takes to compare with the flushes.

import {
  entryAt,
  hashAt,
  keyBytesAt,
  keyWord,
  lengthAt,
  nextWord,
  seqAt,
  setExpiresAtAt,
  typeAt,
  valueBytesAt,
  wordsOf,
} from '../../log/bytes/entry-list.js';
import type { ReplayEntry } from '../../log/bytes/entry-list.js';
import { FlushNeed } from '../../log/segments/flush-need.js';
import { RECORD } from '../../log/bytes/format.js';
import { KvError } from '../../errors.js';
import { VERDICT } from '../background/messages.js';
import type { JudgeAnswer, JudgeQuestion } from '../background/messages.js';
import type { StoreParts } from '../items/parts.js';
import { ITEM_MARK } from '../keydir/keydir.js';

/** A slice ends after this time, which is checked once per PIECE_RECORDS. */
const SLICE_MS = 3;
const PIECE_RECORDS = 8;
const NO_KEY = Buffer.alloc(0);

export class Judge {
  readonly #parts: StoreParts;
  readonly #runSlots: ReadonlySet<number>;
  readonly #isOldest: boolean;
  /** The flushes that segments before the run need, as they were when the slice began. */
  #olderNeeds: readonly FlushNeed[] = [];
  /** True when a record was kept that a flush has killed, because the flush may yet be taken back. */
  #keptDead = false;
  /** True when a record was kept for changes that are not durable: then no flush may be dropped either. */
  keptVerbatim = false;
  /** Bytes of dead frames that could not be dropped yet: compacting the run again at once would free nothing. */
  stuckBytes = 0;
  /** Flushes that older segments may need, and their bytes. */
  readonly keptFlushes = new FlushNeed();
  keptFlushBytes = 0;
  /** The flushes that killed the forgotten items: still needed when the compaction fails. */
  readonly killers = new FlushNeed();

  /** `runSlots`: slots of the run's segments; `isOldest`: nothing in the log is older than the run. */
  constructor(parts: StoreParts, runSlots: ReadonlySet<number>, isOldest: boolean) {
    this.#parts = parts;
    this.#runSlots = runSlots;
    this.#isOldest = isOldest;
  }

  /** Judges the records of the question. Throws KV_CLOSED when the store closes meanwhile. */
  async answer({ count, entries }: JudgeQuestion): Promise<JudgeAnswer> {
    const { clock } = this.#parts.env;
    let endMs = this.#begin();
    const bytes = Buffer.from(entries.buffer, entries.byteOffset, entries.length);
    const words = wordsOf({ bytes });
    const verdicts = new Uint8Array(count);
    let at = 0;
    for (let n = 0; n < count; n += 1) {
      if (n % PIECE_RECORDS === 0 && clock.monotonicMs() >= endMs) {
        await new Promise<void>((resolve) => clock.defer(resolve));
        endMs = this.#begin();
      }
      const isPlain = typeAt(words, at) <= RECORD.delete && valueBytesAt(words, at) === 0;
      verdicts[n] = isPlain ? this.#judgePlain(words, at) : this.#judgeRare(words, at);
      at = nextWord(words, at);
    }
    return { answer: 'judged', nowMs: this.#parts.clock.nowMs(), verdicts, entries };
  }

  /** Begins a slice. Returns the time of its end. */
  #begin(): number {
    const { commits, env } = this.#parts;
    if (commits.closed) throw new KvError('KV_CLOSED', 'The store is closing');
    this.#olderNeeds = this.#needsOfOlder();
    return env.clock.monotonicMs() + SLICE_MS;
  }

  /** Judges a put or a delete without making an object. */
  #judgePlain(words: Uint32Array, at: number): number {
    const { items } = this.#parts;
    const hash = hashAt(words, at);
    const ref = items.keydir.findPacked(hash, words, keyWord(at), keyBytesAt(words, at));
    const key = items.unsynced.isEmpty ? NO_KEY : entryAt(words, at).key;
    return this.#judgeItem(words, at, ref, key);
  }

  #judgeRare(words: Uint32Array, at: number): number {
    const entry = entryAt(words, at);
    if (entry.type === RECORD.flush || entry.type === RECORD.deletePrefix) {
      return this.#judgeFlush(entry);
    }
    const ref = this.#parts.items.keydir.find(entry.key);
    return this.#judgeItem(words, at, ref, entry.key);
  }

  /** Judges a record of an item. `key` is used only while some keys are unsynced. */
  #judgeItem(words: Uint32Array, at: number, ref: number, key: Buffer): number {
    const { items } = this.#parts;
    const type = typeAt(words, at);
    const seq = seqAt(words, at);
    if (items.afterOf(ref, key) !== 0) {
      this.keptVerbatim = true;
      const isNewest = type === RECORD.put && ref !== 0 && items.keydir.seq(ref) === seq;
      if (!isNewest) this.stuckBytes += lengthAt(words, at);
      return VERDICT.verbatim;
    }
    if (type === RECORD.touch) return this.#judgeTouch(ref, entryAt(words, at));
    if (type === RECORD.put) {
      const verdict = this.#judgePut(ref, seq);
      if (verdict === VERDICT.keep || verdict === VERDICT.keepWon) {
        setExpiresAtAt(words, at, items.keydir.expiresAt(ref));
      }
      return verdict;
    }
    const isSuperseded = ref !== 0 && items.keydir.seq(ref) > seq;
    return this.#isOldest || isSuperseded ? VERDICT.drop : VERDICT.keep;
  }

  #judgePut(ref: number, seq: number): number {
    const parts = this.#parts;
    const { keydir } = parts.items;
    if (ref !== 0 && keydir.seq(ref) !== seq) return VERDICT.drop;
    if (ref !== 0 && !parts.liveness.isDeadForGood(ref)) {
      if (parts.liveness.deadReason(ref) !== undefined) this.#keptDead = true;
      return (keydir.marks(ref) & ITEM_MARK.WON) === 0 ? VERDICT.keep : VERDICT.keepWon;
    }
    if (ref !== 0) parts.commits.forget(ref, this.killers);
    return this.#isOldest ? VERDICT.drop : VERDICT.tombstone;
  }

  /**
   * Judges a touch. It is needed while it holds the item's expiry, unless its put is in the run and is written with it.
   * When the item is gone, the touch may have ended it, while an older segment may still hold the put.
   */
  #judgeTouch(ref: number, entry: ReplayEntry): number {
    if (ref === 0) return this.#isOldest ? VERDICT.drop : VERDICT.tombstone;
    const { keydir } = this.#parts.items;
    if (keydir.seq(ref) !== entry.value.readUIntLE(0, 6)) return VERDICT.drop;
    if (this.#runSlots.has(keydir.segment(ref))) return VERDICT.drop;
    return keydir.expiresAt(ref) === entry.expiresAt ? VERDICT.keep : VERDICT.drop;
  }

  /**
   * Judges a flush or a promise. A flush is dropped when nothing that it kills is left: no item in the keydir, because
   * it is retired, and no record in an older segment. The run's own older records have been judged before.
   */
  #judgeFlush({ seq, bytes, expiresAt }: ReplayEntry): number {
    const { promises } = this.#parts.flushes;
    const isUndurable = promises.isDoneAbove(this.#parts.log.watermark, seq, expiresAt);
    // The flush that carried it out must stay too.
    if (isUndurable) this.keptVerbatim = true;
    const isDone = !isUndurable && !promises.isOpen(seq, expiresAt);
    if (isDone && this.#mayBeNeeded(seq)) {
      this.keptFlushes.note(seq);
      this.keptFlushBytes += bytes;
      return VERDICT.verbatim;
    }
    if (isDone && !this.keptVerbatim && !this.#keptDead) return VERDICT.drop;
    this.stuckBytes += bytes;
    return VERDICT.verbatim;
  }

  #mayBeNeeded(seq: number): boolean {
    if (this.#isOldest) return false;
    if (!this.#parts.flushes.isRetired(seq)) return true;
    for (const need of this.#olderNeeds) if (need.has(seq)) return true;
    return false;
  }

  #needsOfOlder(): readonly FlushNeed[] {
    if (this.#isOldest) return [];
    const { ordered } = this.#parts.log.table;
    const first = ordered.findIndex(({ slot }) => this.#runSlots.has(slot));
    return ordered
      .slice(0, first)
      .map(({ flushNeed }) => flushNeed)
      .filter((need) => !need.isEmpty);
  }
}
