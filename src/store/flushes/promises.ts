// Flush promises: each is a flush_all for a later time, which is no flush yet. When the time has come, and before
// anything else is stored, a second record carries the promise out. This record is a flush like any other, so it also
// deletes the items that were stored in between. While it is missing, a restart knows that every item in the log is older.
//
// One record carries out all promises that are due: it deletes all that each of them would. So thousands of promises
// that are due at once cost no more than one.
//
// Invariants:
// - A promise is forgotten only when another record has carried it out.
// - While the record of a promise is in the log, so is the one that carried it out: the segment with the promise
//   needs that flush (noteNeeds). Without it, a start would carry the promise out again and delete newer items.

export interface FlushPromise {
  readonly seq: number;
  /** Unix ms. */
  readonly atMs: number;
  /** Slot of the segment with the record. */
  readonly slot: number;
}

/** Promises by time, in chunks that are never empty: adding or removing one moves few others. */
type Chunks = Placed[][];
type Placed = { -readonly [K in keyof FlushPromise]: FlushPromise[K] };

/** The promises that one record has carried out, kept as long as the record may be taken back. */
interface CarriedOut {
  readonly by: number;
  readonly chunks: Chunks;
}

interface Seqs {
  readonly from: number;
  readonly to: number;
}

/** A segment, which notes the flushes that it needs. */
interface Needing {
  readonly flushNeed: { add(needed: Seqs): void };
}

const CHUNK_PROMISES_MAX = 512;
const NOT_DONE = (): void => {};

export class FlushPromises {
  #open: Chunks = [];
  /** In the order of the records' seqs. */
  #carriedOut: CarriedOut[] = [];
  /** By slot: flushes that the segment needs and has not noted yet. */
  readonly #needs = new Map<number, Seqs>();

  /** Unix ms at which the next promise is due; Infinity: there is none. Every request reads it. */
  nextMs = Infinity;

  /** All open promises, by seq. */
  get all(): FlushPromise[] {
    return this.#open.flat().toSorted((a, b) => a.seq - b.seq);
  }

  /** Returns the last, by its time, of the promises that are due. */
  due(nowMs: number): FlushPromise | undefined {
    if (this.nextMs > nowMs) return undefined;
    const at = chunkFor(this.#open, nowMs + 1);
    const chunk = this.#open[at] ?? [];
    return chunk[placeFor(chunk, nowMs + 1) - 1] ?? this.#open[at - 1]!.at(-1);
  }

  /** Returns the seq of an open promise for that very time, which makes a second one needless; 0: there is none. */
  seqAt(atMs: number): number {
    const chunk = this.#open[chunkFor(this.#open, atMs)];
    const promise = chunk?.[placeFor(chunk, atMs)];
    return promise?.atMs === atMs ? promise.seq : 0;
  }

  /** Returns the time of the open promise with that seq; 0: there is none. */
  timeOf(seq: number): number {
    for (const chunk of this.#open)
      for (const each of chunk) if (each.seq === seq) return each.atMs;
    return 0;
  }

  /** Adds a promise. Returns a function that undoes this. */
  add({ seq, atMs, slot }: FlushPromise): () => void {
    const open = this.#open;
    const promise = { seq, atMs, slot };
    const at = Math.min(chunkFor(open, atMs), Math.max(0, open.length - 1));
    const chunk = (open[at] ??= []);
    chunk.splice(placeFor(chunk, atMs + 1), 0, promise);
    if (chunk.length > CHUNK_PROMISES_MAX) open.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
    this.nextMs = Math.min(this.nextMs, atMs);
    return () => this.#remove(promise);
  }

  /**
   * Notes that the flush of `seq` has carried out all promises for a time up to `untilMs`. Returns a function that undoes
   * this. Records up to the watermark cannot be taken back.
   */
  carryOut(untilMs: number, seq: number, watermark: number): () => void {
    this.#carriedOut = this.#carriedOut.filter(({ by }) => by > watermark);
    const chunks = takeUntil(this.#open, untilMs);
    if (chunks.length === 0) return NOT_DONE;
    let noted = -1;
    for (const chunk of chunks) {
      for (const { slot } of chunk) {
        if (slot !== noted) this.#need(slot, seq);
        noted = slot;
      }
    }
    const done = { by: seq, chunks };
    if (seq > watermark) this.#carriedOut.push(done);
    this.#planNext();
    return () => {
      this.#carriedOut = this.#carriedOut.filter((other) => other !== done);
      this.#open = [...chunks, ...this.#open];
      this.#planNext();
    };
  }

  /** Tells each segment with a promise which flush has carried the promise out, so that the segment notes its need. */
  noteNeeds(segmentAt: (slot: number) => Needing): void {
    for (const [slot, need] of this.#needs) segmentAt(slot).flushNeed.add(need);
    this.#needs.clear();
  }

  /** Notes that the records of the segments `from` are now in the segment of `slot`. */
  move(from: ReadonlySet<number>, slot: number): void {
    for (const chunks of [this.#open, ...this.#carriedOut.map((done) => done.chunks)]) {
      for (const chunk of chunks)
        for (const each of chunk) if (from.has(each.slot)) each.slot = slot;
    }
  }

  /** Checks whether the promise with that seq and time is still open. */
  isOpen(seq: number, atMs: number): boolean {
    return has(this.#open, seq, atMs);
  }

  /** Checks whether a record above the watermark has carried out the promise with that seq and time. */
  isDoneAbove(watermark: number, seq: number, atMs: number): boolean {
    return this.#carriedOut.some(({ by, chunks }) => by > watermark && has(chunks, seq, atMs));
  }

  clear(): void {
    this.#open = [];
    this.#carriedOut = [];
    this.#needs.clear();
    this.#planNext();
  }

  #need(slot: number, seq: number): void {
    const { from = seq } = this.#needs.get(slot) ?? {};
    this.#needs.set(slot, { from, to: seq });
  }

  #remove(promise: Placed): void {
    const open = this.#open;
    for (let at = chunkFor(open, promise.atMs); at < open.length; at += 1) {
      const chunk = open[at]!;
      const place = chunk.indexOf(promise);
      if (place < 0) continue;
      chunk.splice(place, 1);
      if (chunk.length === 0) open.splice(at, 1);
      break;
    }
    this.#planNext();
  }

  #planNext(): void {
    this.nextMs = this.#open[0]?.[0]?.atMs ?? Infinity;
  }
}

/** Returns the index of the first chunk that ends at that time or later, or the number of chunks. */
function chunkFor(chunks: Chunks, atMs: number): number {
  let [from, to] = [0, chunks.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const chunk = chunks[middle]!;
    if (chunk[chunk.length - 1]!.atMs < atMs) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Returns the index of the first promise in the chunk for that time or later, or the chunk's length. */
function placeFor(chunk: readonly FlushPromise[], atMs: number): number {
  let [from, to] = [0, chunk.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (chunk[middle]!.atMs < atMs) from = middle + 1;
    else to = middle;
  }
  return from;
}

function has(chunks: Chunks, seq: number, atMs: number): boolean {
  for (let at = chunkFor(chunks, atMs); at < chunks.length; at += 1) {
    const chunk = chunks[at]!;
    if (chunk[0]!.atMs > atMs) return false;
    if (chunk.some((each) => each.seq === seq && each.atMs === atMs)) return true;
  }
  return false;
}

/** Removes and returns all promises for a time up to `untilMs`. */
function takeUntil(chunks: Chunks, untilMs: number): Chunks {
  const taken = chunks.splice(0, chunkFor(chunks, untilMs + 1));
  const first = chunks[0];
  const later = first === undefined ? 0 : placeFor(first, untilMs + 1);
  if (first !== undefined && later > 0) taken.push(first.splice(0, later));
  return taken;
}
