// --max-keys and --max-bytes: makes room by dropping the least recently used items, durably, or says that
// there is none (-M). Evictions are delete records: what was evicted stays gone after a restart.
//
// Room that takes a few evictions is made at once. What takes more is made in slices, one in each turn of the
// loop, while the put waits (promise 7 of README.md):
// - Puts wait in the order in which they came. Only the first has items evicted for it, and what is free is set
//   aside for it: a small put in between makes its own room, at once, and takes none of that.
// - A put that has waited is decided again: `whenRoom` calls its attempt when there is room, in the same turn.
// - A store that is above its bounds (the last life had larger ones, an item grew, a failed commit brought
//   evicted items back) is trimmed in the same slices. Meanwhile nothing makes it larger: a put makes room
//   for itself below the ceiling, which comes down to the bounds with each slice.

import { assert } from '../../assert.js';
import type { StoreParts } from '../items/parts.js';
import { Evictor } from './evictor.js';
import type { Evicted, Maybe, RefusedStatus } from '../store.js';

/** Evictions for one put that are never waited for: a record of a common size replaces no more. */
const EASY_ITEMS = 4;
/** Evictions of one turn beyond those, and the time after which it has no more. */
const SLICE_ITEMS = 512;
const SLICE_MS = 2;
/** The clock is read once in so many. */
const CLOCK_ITEMS = 16;
/** So many slices of a process run code that is not compiled yet: they are short, and look at the clock more often. */
const COLD_SLICES = 100;
const COLD_SLICE_MS = 1;
const COLD_CLOCK_ITEMS = 2;
/** What a put that has waited takes of a slice: it may be copied and encoded in it, with a MiB. */
const ATTEMPT_ITEMS = 64;
/** Of each slice for the bounds, while puts wait. */
const TRIM_ITEMS_MIN = 128;
/** So many evictions at most are not durable, so that a commit has no more than that to settle. */
const UNSYNCED_ITEMS_MAX = 4 * SLICE_ITEMS;

type Room = 'ok' | 'later' | RefusedStatus;

interface Waiting {
  readonly key: Buffer;
  readonly bytes: number;
  readonly attempt: () => void;
}

export class Bounds {
  readonly #parts: StoreParts;
  readonly #evictor: Evictor;
  /** There are bounds. */
  readonly isBounded: boolean;
  /** 0: none. */
  #bytesMax: number;
  readonly #waiting: Waiting[] = [];
  /** Free bytes that belong to the first who waits. */
  #reservedBytes = 0;
  /** What counts instead of the bounds while the store is above them; 0: it is not. */
  #keysCeiling = 0;
  #bytesCeiling = 0;
  /** Evictions that are left for this turn, and when it ends in any case. */
  #left = SLICE_ITEMS;
  #endMs = 0;
  #coldSlices = COLD_SLICES;
  #isScheduled = false;
  #isSlicing = false;
  /** The next slice waits for the disk: onDurable is to be called. */
  isPaused = false;
  #unsyncedItems = 0;
  /** When this is durable, the unsynced items are. */
  #unsyncedUpto = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#evictor = new Evictor(parts);
    this.#bytesMax = parts.options.bytesMax;
    this.isBounded = parts.options.keysMax !== 0 || this.#bytesMax !== 0;
  }

  /** Another bound of the bytes, of a store that has one. */
  resize(bytesMax: number): void {
    assert(this.#bytesMax !== 0 && bytesMax > 0, 'A store without a bound keeps no order of use');
    this.#bytesMax = bytesMax;
    this.trim();
  }

  /**
   * Room for a record of `bytes` under a key whose item is `ref` (0: a new one). `later`: it takes too many
   * evictions for one turn, ask whenRoom (only with `mayWait`); `no-memory`: the bounds hold and nothing may
   * be evicted, or the record alone is over them; else why the log took no record.
   */
  makeRoom(bytes: number, ref: number, mayWait: boolean): Room {
    const parts = this.#parts;
    const { evicts } = parts.options;
    const bytesMax = this.#bytesMax;
    if (!this.isBounded) return 'ok';
    const more = bytes - this.#evictor.bytesOf(ref);
    if (!this.#isOver(more, ref)) return 'ok';
    if (!evicts || (bytesMax !== 0 && bytes > bytesMax)) {
      parts.counters.noMemory += 1;
      return 'no-memory';
    }
    if (parts.commits.closed) return 'closed';
    for (let count = 0; this.#isOver(more, ref); count++) {
      if (mayWait && count >= EASY_ITEMS) {
        if (!this.#isScheduled && !this.#isSlicing) this.#beginTurn(SLICE_ITEMS);
        this.#schedule();
        if (this.#waiting.length > 0 || !this.#mayGoOn()) return 'later';
      }
      const evicted = this.#evictBut(ref);
      if (evicted === 'none') return mayWait && this.#waiting.length > 0 ? 'later' : 'no-memory';
      if (evicted === 'refused') return parts.commits.refusal();
    }
    return 'ok';
  }

  /** Calls `attempt` when there is room for so many bytes under that key, or never will be. */
  whenRoom<T>(key: Buffer, bytes: number, attempt: () => Maybe<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        key: Buffer.from(key),
        bytes,
        attempt: () => {
          try {
            resolve(attempt());
          } catch (error) {
            reject(error);
          }
        },
      });
      this.#reserve();
      this.#schedule();
    });
  }

  /** An item grew in its place (incr): `ref`, which stays. The store may be above its bounds now. */
  settle(ref: number): void {
    if (!this.#parts.options.evicts || !this.isBounded || !this.#isOver(0, ref)) return;
    for (let count = 0; count < EASY_ITEMS && this.#isOver(0, ref); count++) {
      if (this.#evictBut(ref) !== 'evicted') break;
    }
    this.trim();
  }

  /** Brings the store below its bounds, a slice at a time; false when it is not above them or may not evict. */
  trim(): boolean {
    if (!this.#parts.options.evicts || !this.#isAbove()) return false;
    this.#setCeiling();
    this.#schedule();
    return true;
  }

  /** See Store. */
  onEvicted(call: (item: Evicted) => void): void {
    this.#evictor.onEvicted = call;
  }

  /** The watermark moved: a slice that waited for the disk goes on. */
  onDurable(): void {
    this.isPaused = false;
    this.#schedule();
  }

  /** A commit failed: evicted items are back, and who waits may never get room. */
  onFailed(): void {
    this.#unsyncedItems = 0;
    this.isPaused = false;
    this.#reserve();
    this.trim();
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** The store closes (StoreParts.closed): nobody waits for room any more. */
  close(): void {
    this.#reservedBytes = 0;
    for (const { attempt } of this.#waiting.splice(0)) attempt();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.env.clock.defer(() => {
      this.#isScheduled = false;
      this.#beginTurn(SLICE_ITEMS);
      this.#isSlicing = true;
      if (!this.#parts.commits.closed) this.#slice();
      this.#isSlicing = false;
    });
  }

  #beginTurn(items: number): void {
    this.#left = items;
    const isCold = this.#coldSlices > 0;
    if (isCold) this.#coldSlices -= 1;
    this.#endMs = this.#parts.env.clock.monotonicMs() + (isCold ? COLD_SLICE_MS : SLICE_MS);
  }

  /** One eviction more in this turn. */
  #mayGoOn(): boolean {
    if (this.#left <= 0 || this.#mustPause()) return false;
    this.#left -= 1;
    const clockItems = this.#coldSlices > 0 ? COLD_CLOCK_ITEMS : CLOCK_ITEMS;
    if (this.#left % clockItems === 0 && this.#parts.env.clock.monotonicMs() >= this.#endMs) {
      this.#left = 0;
    }
    return true;
  }

  /** For the first who waits, then the next; and for the bounds. */
  #slice(): void {
    while (this.#left > 0) {
      const first = this.#waiting[0];
      if (first === undefined || !this.#hasRoomFor(first)) break;
      this.#waiting.shift();
      this.#reservedBytes = 0;
      this.#left -= ATTEMPT_ITEMS;
      first.attempt();
    }
    this.#reserve();
    if (this.#parts.options.evicts) this.#trimSlice();
    this.#setCeiling();
    if (this.#waiting.length === 0 && this.#bytesCeiling === 0 && this.#keysCeiling === 0) return;
    if (this.isPaused || this.#mustPause()) this.isPaused = true;
    else this.#schedule();
  }

  /** True as well when there is nothing to wait for: the attempt then says why. */
  #hasRoomFor({ key, bytes }: Waiting): boolean {
    // The item may have gone, come or changed with each turn.
    const ref = this.#parts.items.keydir.find(key);
    const more = bytes - this.#evictor.bytesOf(ref);
    this.#reservedBytes = 0;
    while (this.#isOver(more, ref)) {
      if (!this.#mayGoOn()) return false;
      if (this.#evictBut(ref) !== 'evicted') return true;
    }
    return true;
  }

  /** Some of it in any case: one who waits may follow the other. */
  #trimSlice(): void {
    if (this.#left < TRIM_ITEMS_MIN) this.#beginTurn(TRIM_ITEMS_MIN);
    while (this.#isAbove() && this.#mayGoOn()) {
      if (this.#evictBut(0) === 'evicted') continue;
      // On a full disk not even deletes find room: with the next commit they may.
      this.isPaused = true;
      return;
    }
  }

  #evictBut(ref: number): 'evicted' | 'refused' | 'none' {
    const oldest = this.#evictor.oldestBut(ref);
    if (oldest === 0) return 'none';
    if (!this.#evictor.evict(oldest)) return 'refused';
    const { lastSeq, watermark } = this.#parts.log;
    if (watermark >= this.#unsyncedUpto) this.#unsyncedItems = 0;
    this.#unsyncedItems += 1;
    if (this.#unsyncedItems <= UNSYNCED_ITEMS_MAX) this.#unsyncedUpto = lastSeq;
    return 'evicted';
  }

  #mustPause(): boolean {
    const { log } = this.#parts;
    if (log.durability.congested) return true;
    return this.#unsyncedItems >= UNSYNCED_ITEMS_MAX && log.watermark < this.#unsyncedUpto;
  }

  #reserve(): void {
    const { items } = this.#parts;
    const isAnybody = this.#waiting.length > 0 && this.#bytesMax !== 0;
    const free = Math.max(this.#bytesMax, this.#bytesCeiling) - items.liveBytes;
    this.#reservedBytes = isAnybody ? Math.max(0, Math.min(this.#waiting[0]!.bytes, free)) : 0;
  }

  /** `more`: bytes that come; `ref`: the item under whose key they do, 0 when there is none yet. */
  #isOver(more: number, ref: number): boolean {
    const { items, options } = this.#parts;
    const { keysMax } = options;
    const bytesMax = this.#bytesMax;
    if (keysMax !== 0 && ref === 0 && items.count >= Math.max(keysMax, this.#keysCeiling)) {
      return true;
    }
    const bytes = items.liveBytes + more + this.#reservedBytes;
    return bytesMax !== 0 && bytes > Math.max(bytesMax, this.#bytesCeiling);
  }

  #isAbove(): boolean {
    const { items, options } = this.#parts;
    const { keysMax } = options;
    const bytesMax = this.#bytesMax;
    return (
      (keysMax !== 0 && items.count > keysMax) || (bytesMax !== 0 && items.liveBytes > bytesMax)
    );
  }

  /** To what the store has, with what is set aside; below its bounds it has none. */
  #setCeiling(): void {
    const { items, options } = this.#parts;
    const { keysMax, evicts } = options;
    const bytesMax = this.#bytesMax;
    const bytes = items.liveBytes + this.#reservedBytes;
    this.#keysCeiling = evicts && keysMax !== 0 && items.count > keysMax ? items.count : 0;
    this.#bytesCeiling = evicts && bytesMax !== 0 && bytes > bytesMax ? bytes : 0;
  }
}
