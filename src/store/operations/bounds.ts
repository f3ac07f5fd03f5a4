// Bounds (--max-keys and --max-bytes): makes room by evicting the least recently used items, or refuses the
// put (-M). Evictions are delete records: an evicted item stays gone after a restart.
//
// Room that takes a few evictions is made at once. Room that takes more is made in slices, one per turn of the
// loop, while the put waits (promise 7 of README.md):
// - Puts wait in the order in which they came. Items are evicted only for the first, and free room is reserved
//   for it: a small put in between evicts its own items, at once, and takes no reserved room.
// - A put that has waited is decided again: `whenRoom` calls its attempt when there is room, in the same turn.
// - A store may be above its bounds, because they were larger before the start, an item grew, or a failed commit
//   restored evicted items. It is trimmed in the same slices. Meanwhile nothing makes it larger: a put makes
//   room for itself below the ceiling, which each slice lowers towards the bounds.

import { assert } from '../../assert.js';
import type { StoreParts } from '../items/parts.js';
import { Evictor } from './evictor.js';
import type { Evicted, Maybe, RefusedStatus } from '../store.js';

/** Evictions for one put that never wait: a record of a common size replaces no more items. */
const EASY_ITEMS = 4;
/** Bounds of a turn: its evictions beyond those, and the time after which it makes no more. */
const SLICE_ITEMS = 512;
const SLICE_MS = 2;
/** The clock is read once per so many evictions. */
const CLOCK_ITEMS = 16;
/** The first slices of a process run code that is not compiled yet: they are short and read the clock more often. */
const COLD_SLICES = 100;
const COLD_SLICE_MS = 1;
const COLD_CLOCK_ITEMS = 2;
/** Evictions that the attempt of a waiting put counts as: it may copy and encode a MiB. */
const ATTEMPT_ITEMS = 64;
/** Evictions of each slice that are kept for trimming while puts wait. */
const TRIM_ITEMS_MIN = 128;
/** At most so many evictions are not durable, so that a commit has no more of them to settle. */
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
  /** True when the store has a bound. */
  readonly isBounded: boolean;
  /** 0: no bound. */
  #bytesMax: number;
  readonly #waiting: Waiting[] = [];
  /** Free bytes that are reserved for the first waiting put. */
  #reservedBytes = 0;
  /** Replace the bounds while the store is above them; 0: it is not. */
  #keysCeiling = 0;
  #bytesCeiling = 0;
  /** The number of evictions that are left for this turn. */
  #left = SLICE_ITEMS;
  /** The time at which this turn's evictions end in any case. */
  #endMs = 0;
  #coldSlices = COLD_SLICES;
  #isScheduled = false;
  #isSlicing = false;
  /** True while the next slice waits for the disk, until a call of onDurable. */
  isPaused = false;
  #unsyncedItems = 0;
  /** When this seq is durable, the unsynced evictions are. */
  #unsyncedUpto = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#evictor = new Evictor(parts);
    this.#bytesMax = parts.options.bytesMax;
    this.isBounded = parts.options.keysMax !== 0 || this.#bytesMax !== 0;
  }

  /** Changes the bound of the bytes. Requires: the store has one. */
  resize(bytesMax: number): void {
    assert(this.#bytesMax !== 0 && bytesMax > 0, 'A store without a bound keeps no order of use');
    this.#bytesMax = bytesMax;
    this.trim();
  }

  /**
   * Makes room for a record of `bytes` under a key whose item is `ref` (0: a new one). `later`: it takes too many
   * evictions for one turn, call whenRoom (only with `mayWait`). `no-memory`: the bounds are reached and nothing
   * may be evicted, or the record alone is above them. Other answers are the log's refusal of an eviction.
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

  /** Calls `attempt` when there is room for so many bytes under that key, or when there will never be. */
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

  /** Called when the item of `ref` grew (incr): evicts a few other items at once if the bounds need it, then trims. */
  settle(ref: number): void {
    if (!this.#parts.options.evicts || !this.isBounded || !this.#isOver(0, ref)) return;
    for (let count = 0; count < EASY_ITEMS && this.#isOver(0, ref); count++) {
      if (this.#evictBut(ref) !== 'evicted') break;
    }
    this.trim();
  }

  /** Brings the store below its bounds, slice by slice. Returns false when it is not above them or may not evict. */
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

  /** Called when the watermark has moved: continues a slice that waited for the disk. */
  onDurable(): void {
    this.isPaused = false;
    this.#schedule();
  }

  /** Called when a commit failed: evicted items are back, and waiting puts may never get room. */
  onFailed(): void {
    this.#unsyncedItems = 0;
    this.isPaused = false;
    this.#reserve();
    this.trim();
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Called when the store closes (Commits.closed): ends the wait of all puts. */
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

  /** Takes one eviction of this turn's. Returns false when none is left or the disk must catch up first. */
  #mayGoOn(): boolean {
    if (this.#left <= 0 || this.#mustPause()) return false;
    this.#left -= 1;
    const clockItems = this.#coldSlices > 0 ? COLD_CLOCK_ITEMS : CLOCK_ITEMS;
    if (this.#left % clockItems === 0 && this.#parts.env.clock.monotonicMs() >= this.#endMs) {
      this.#left = 0;
    }
    return true;
  }

  /** Makes room for the first waiting put, then for the next, and trims the store. */
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

  /** Makes room for a waiting put. Also returns true when there never will be room: the attempt then finds the reason. */
  #hasRoomFor({ key, bytes }: Waiting): boolean {
    // The item may have been added, removed or changed since the last turn.
    const ref = this.#parts.items.keydir.find(key);
    const more = bytes - this.#evictor.bytesOf(ref);
    this.#reservedBytes = 0;
    while (this.#isOver(more, ref)) {
      if (!this.#mayGoOn()) return false;
      if (this.#evictBut(ref) !== 'evicted') return true;
    }
    return true;
  }

  /** Trims with at least TRIM_ITEMS_MIN evictions, because there may always be a waiting put. */
  #trimSlice(): void {
    if (this.#left < TRIM_ITEMS_MIN) this.#beginTurn(TRIM_ITEMS_MIN);
    while (this.#isAbove() && this.#mayGoOn()) {
      if (this.#evictBut(0) === 'evicted') continue;
      // On a full disk not even deletes find room. After the next commit they may.
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
    const first = this.#bytesMax === 0 ? undefined : this.#waiting[0];
    const free = Math.max(this.#bytesMax, this.#bytesCeiling) - items.liveBytes;
    this.#reservedBytes = first === undefined ? 0 : Math.max(0, Math.min(first.bytes, free));
  }

  /** Checks whether `more` bytes would exceed the bounds. `ref` is the item whose key they belong to, 0: a new one. */
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

  /** Sets the ceiling to the store's size with the reserved bytes; there is none when the store is within its bounds. */
  #setCeiling(): void {
    const { items, options } = this.#parts;
    const { keysMax, evicts } = options;
    const bytesMax = this.#bytesMax;
    const bytes = items.liveBytes + this.#reservedBytes;
    this.#keysCeiling = evicts && keysMax !== 0 && items.count > keysMax ? items.count : 0;
    this.#bytesCeiling = evicts && bytesMax !== 0 && bytes > bytesMax ? bytes : 0;
  }
}
