// The judge of compaction, which says what becomes of each record of a run: the rules that keep the deleted deleted, the expired
// expired, and the unsynced undone (docs/recovery.md, "Compaction").
//
// A record may go when a durable record in a later place says more about its key, or when it is dead and
// nothing older can still hold its key, that is when the run begins with the oldest segment. What is dead
// elsewhere becomes a tombstone. While a key has changes above the watermark, all its records stay as they
// are: the changes may yet be taken back.
//
// Invariant: a turn of the loop judges for a few ms at most, however much each record asks of the flushes.

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

/** A slice ends after this time, looked at each few records. */
const SLICE_MS = 3;
const PIECE_RECORDS = 8;
const NO_KEY = Buffer.alloc(0);

export class Judge {
  readonly #parts: StoreParts;
  readonly #runSlots: ReadonlySet<number>;
  readonly #isOldest: boolean;
  /** What flushes the segments before the run need, as it was when the slice began. */
  #olderNeeds: readonly FlushNeed[] = [];
  /** Some record was kept that a flush has killed, because that may yet be taken back. */
  #keptDead = false;
  /** Some record was kept for changes that are not durable: then no flush may go either. */
  keptVerbatim = false;
  /** Frames that are dead but could not go yet: compacting the run again at once would free nothing. */
  stuckBytes = 0;
  /** Flushes that older segments may need, and their bytes. */
  readonly keptFlushes = new FlushNeed();
  keptFlushBytes = 0;
  /** What killed the items that were forgotten: needed when the compaction comes to nothing. */
  readonly killers = new FlushNeed();

  /** `runSlots`: slots of the run's segments; `isOldest`: nothing in the log is older than the run. */
  constructor(parts: StoreParts, runSlots: ReadonlySet<number>, isOldest: boolean) {
    this.#parts = parts;
    this.#runSlots = runSlots;
    this.#isOldest = isOldest;
  }

  /** Throws KV_CLOSED when the store closes meanwhile. */
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

  /** A slice begins; returns when it is over. */
  #begin(): number {
    const { commits, env } = this.#parts;
    if (commits.closed) throw new KvError('KV_CLOSED', 'The store is closing');
    this.#olderNeeds = this.#needsOfOlder();
    return env.clock.monotonicMs() + SLICE_MS;
  }

  /** A put or a delete: no object is made for it. */
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

  /** `key` matters only while some keys are unsynced. */
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
   * A touch is needed while it says the item's expiry, unless its put is in the run and is written with it.
   * When the item is gone, the touch may be what ended it, and an older segment may hold the put.
   */
  #judgeTouch(ref: number, entry: ReplayEntry): number {
    if (ref === 0) return this.#isOldest ? VERDICT.drop : VERDICT.tombstone;
    const { keydir } = this.#parts.items;
    if (keydir.seq(ref) !== entry.value.readUIntLE(0, 6)) return VERDICT.drop;
    if (this.#runSlots.has(keydir.segment(ref))) return VERDICT.drop;
    return keydir.expiresAt(ref) === entry.expiresAt ? VERDICT.keep : VERDICT.drop;
  }

  /**
   * A flush goes when nothing older is left that it kills: nothing in the keydir, because it is retired, and no
   * record in an older segment; those in the run have been judged before it.
   */
  #judgeFlush({ seq, bytes, expiresAt }: ReplayEntry): number {
    const { promises } = this.#parts.flushes;
    const isUndurable = promises.isDoneAbove(this.#parts.log.watermark, seq, expiresAt);
    // What carried it out stays with it.
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
