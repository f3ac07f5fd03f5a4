// The value cache: hot values in memory. `-m` bounds its size, index included. The cache consists of
// a few large pages outside the JavaScript heap; a value costs no object.
//
// Values are appended to the newest page. When there is no room for another page, the oldest one is
// emptied. Values that were read since they were put there move to the newest page (up to half of it); the
// others are evicted. This comes close to LRU without a list (benchmarks/README.md).
//
// Invariants:
// - memoryBytes <= the bound after every call.
// - An entry is valid only for the seq it was put with. So no lookup returns an old value for a ref that another
//   key got, or for a newer record of the same key.
// - A returned value is a view. It stays unchanged while less than half a page (64 KiB or more) is put
//   after it, because an emptied page is not written to before the next one is full. A long value stays
//   unchanged for good: its page takes new memory when it is emptied.

import { assert } from '../../assert.js';
import { GIB, INLINE_VALUE_BYTES_MAX, KIB, MIB } from '../../limits.js';
import { NO_PLACE, ValueCacheIndex } from './index.js';
import { CachedValue, ValueCachePage, entryBytes } from './page.js';

const PAGE_BYTES_MIN = 128 * KIB;
/**
 * Emptying a page is the longest pause: this size keeps it to about 2 ms with the smallest values. A page has
 * room for the longest value that is not in a file of its own.
 */
const PAGE_BYTES_MAX = INLINE_VALUE_BYTES_MAX + 4 * KIB;
const PAGES_AIM = 32;
const PAGES_MIN = 4;
/** Places are u32 in units of 8 bytes. */
const UNIT = 8;
const CACHE_BYTES_MAX = 32 * GIB;

/** Values of at least this size stay unchanged while they are referenced: a socket sends them from the page. */
const LASTING_BYTES_MIN = 256 * KIB;

interface ValueCacheStats {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly evicted: number;
}

export class ValueCache {
  readonly #found = new CachedValue();
  #bytesMax = 0;
  #pageBytes = PAGE_BYTES_MIN;
  #index = new ValueCacheIndex(0);
  /** Pages by number; undefined: the page was freed. */
  #pages: (ValueCachePage | undefined)[] = [];
  /** Pages with entries, oldest first; the last one is being filled. */
  #queue: ValueCachePage[] = [];
  /** The page that was emptied last. */
  #spare: ValueCachePage | undefined;
  /** The last page of the queue. */
  #filling: ValueCachePage | undefined;
  #pageCount = 0;
  #hits = 0;
  #misses = 0;
  #evicted = 0;

  /** `bytesMax` below 512 KiB turns the cache off. */
  constructor(bytesMax: number) {
    this.resize(bytesMax);
  }

  get memoryBytes(): number {
    return this.#pageCount * this.#pageBytes + this.#index.memoryBytes;
  }

  get stats(): ValueCacheStats {
    return {
      bytes: this.memoryBytes,
      bytesMax: this.#bytesMax,
      entries: this.#index.count,
      hits: this.#hits,
      misses: this.#misses,
      evicted: this.#evicted,
    };
  }

  /** Starts the counts of hits, misses and evictions again at zero. */
  resetStats(): void {
    this.#hits = 0;
    this.#misses = 0;
    this.#evicted = 0;
  }

  /**
   * Returns the value that was put with this ref and seq, or undefined. `isKept` false: nobody will refer to the value
   * after this turn, so that even the page of a long value can be reused when it is emptied.
   */
  get(ref: number, seq: number, isKept = true): CachedValue | undefined {
    const place = this.#index.find(ref);
    if (place === NO_PLACE) {
      this.#misses += 1;
      return undefined;
    }
    const units = this.#pageBytes / UNIT;
    const number = Math.floor(place / units);
    const page = this.#pages[number]!;
    const found = this.#found;
    if (!page.find((place - number * units) * UNIT, seq, found)) {
      this.#index.delete(ref);
      this.#misses += 1;
      return undefined;
    }
    this.#hits += 1;
    found.isLasting = isKept && found.valueBytes >= LASTING_BYTES_MIN;
    if (found.isLasting) page.lend();
    return found;
  }

  /**
   * Puts the value value[start..end), which replaces an older value of that ref. A value that does not fit into a page is
   * not put. `cas` undefined: the token is the seq.
   */
  put(
    ref: number,
    seq: number,
    flags: number,
    cas: bigint | undefined,
    value: Buffer,
    start = 0,
    end = value.length,
  ): void {
    const bytes = entryBytes(end - start);
    if (bytes > this.#pageBytes || this.#bytesMax === 0) {
      this.#index.delete(ref);
      return;
    }
    let page = this.#filling;
    if (page === undefined || page.used + bytes > this.#pageBytes) page = this.#pageFor(bytes);
    const place = (page.number * this.#pageBytes + page.used) / UNIT;
    if (!this.#index.trySet(ref, place)) {
      if (!this.#makeRoom(this.#index.growthBytes(ref))) {
        this.#index.delete(ref);
        return;
      }
      this.#index.set(ref, place);
    }
    page.append(ref, seq, flags, cas, value, start, end);
  }

  /** Forgets the ref's value, if there is one. */
  drop(ref: number): void {
    this.#index.delete(ref);
  }

  clear(): void {
    this.#index = new ValueCacheIndex(this.#bytesMax);
    this.#pages = [];
    this.#queue = [];
    this.#spare = undefined;
    this.#filling = undefined;
    this.#pageCount = 0;
    this.#found.clear();
  }

  /** Sets the bound in bytes; below 512 KiB: off. Evicts values as needed, and all when the page size changes. */
  resize(bytesMax: number): void {
    assert(bytesMax >= 0, 'A cache has no negative size');
    const bytes = bytesMax < PAGES_MIN * PAGE_BYTES_MIN ? 0 : Math.min(bytesMax, CACHE_BYTES_MAX);
    const aim = 2 ** Math.floor(Math.log2(Math.max(1, bytes / PAGES_AIM)));
    const pageBytes = aim >= MIB ? PAGE_BYTES_MAX : Math.max(PAGE_BYTES_MIN, aim);
    this.#bytesMax = bytes;
    if (bytes === 0 || pageBytes !== this.#pageBytes || this.#pageCount === 0) {
      this.#pageBytes = pageBytes;
      this.clear();
    }
    while (this.memoryBytes > this.#bytesMax) this.#shrink();
  }

  /** Returns the newest page, after opening another one if it has no room for the entry. */
  #pageFor(bytes: number): ValueCachePage {
    for (;;) {
      const page = this.#queue.at(-1);
      this.#filling = page;
      if (page?.hasRoom(bytes)) return page;
      this.#openPage();
    }
  }

  #openPage(): void {
    // The last page that fits into the bound is kept for `spare`.
    if (this.memoryBytes + 2 * this.#pageBytes <= this.#bytesMax) {
      this.#queue.push(this.#createPage());
      return;
    }
    if (this.#spare === undefined) {
      while (this.memoryBytes + this.#pageBytes > this.#bytesMax) this.#shrink();
    }
    const page = this.#spare ?? this.#createPage();
    page.empty();
    this.#spare = this.#queue.length > 0 ? this.#emptyOldest(page) : undefined;
    this.#queue.push(page);
  }

  #createPage(): ValueCachePage {
    const hole = this.#pages.indexOf(undefined);
    const page = new ValueCachePage(hole < 0 ? this.#pages.length : hole, this.#pageBytes);
    this.#pages[page.number] = page;
    this.#pageCount += 1;
    return page;
  }

  /** Takes the oldest page out of the queue and moves its hit entries to `heir`, up to half a page. */
  #emptyOldest(heir: ValueCachePage | undefined): ValueCachePage {
    const page = this.#queue.shift();
    assert(page !== undefined, 'There is a page to empty');
    if (page === this.#filling) this.#filling = undefined;
    for (let offset = 0; offset < page.used; offset += page.entryBytesAt(offset)) {
      const ref = page.ref(offset);
      if (this.#index.find(ref) !== this.#placeOf(page, offset)) continue;
      if (
        heir !== undefined &&
        page.isHit(offset) &&
        heir.used + page.entryBytesAt(offset) <= this.#pageBytes / 2
      ) {
        this.#index.set(ref, this.#placeOf(heir, heir.adopt(page, offset)));
      } else {
        this.#index.delete(ref);
        this.#evicted += 1;
      }
    }
    return page;
  }

  /** Makes room for the index to grow. Returns false when only the page being filled could give room. */
  #makeRoom(bytes: number): boolean {
    while (this.memoryBytes + bytes > this.#bytesMax) {
      if (this.#queue.length < 2) return false;
      this.#shrink();
    }
    return true;
  }

  /** Frees a page: the spare one, or the oldest one with its values. */
  #shrink(): void {
    const page = this.#spare ?? this.#emptyOldest(undefined);
    this.#spare = undefined;
    this.#pages[page.number] = undefined;
    this.#pageCount -= 1;
  }

  #placeOf(page: ValueCachePage, offset: number): number {
    return (page.number * this.#pageBytes + offset) / UNIT;
  }
}
