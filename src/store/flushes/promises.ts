// flush_all for a later time: a promise, which is no flush yet. When its time has come, and before anything else
// is stored, a second record carries it out, a flush like any other. So what was stored in between goes as well,
// what comes after stays, and a restart knows: while the second record is missing, all that the log has is older.
//
// One record carries out all that are due: the newest of them takes all that the others would. So thousands that
// come due at once cost no more than one.
//
// Invariants:
// - A promise is forgotten only when another record has carried it out.
// - As long as the record of a promise is in the log, so is the one that carried it out: the segment with the
//   promise needs that flush (noteNeeds). A start would carry out the promise again, and take what came after.

export interface FlushPromise {
  readonly seq: number;
  /** Unix ms. */
  readonly atMs: number;
  /** Of the segment with its record. */
  readonly slot: number;
}

/** Promises by time, in chunks none of which is empty: what comes or goes moves few others. */
type Chunks = Placed[][];
type Placed = { -readonly [K in keyof FlushPromise]: FlushPromise[K] };

/** What one record has carried out, as long as that may be taken back. */
interface CarriedOut {
  readonly by: number;
  readonly chunks: Chunks;
}

interface Seqs {
  readonly from: number;
  readonly to: number;
}

/** A segment: it notes the flushes that it needs. */
interface Needing {
  readonly flushNeed: { add(needed: Seqs): void };
}

const CHUNK_PROMISES_MAX = 512;
const NOT_DONE = (): void => {};

export class FlushPromises {
  #open: Chunks = [];
  /** By the seq of that record. */
  #carriedOut: CarriedOut[] = [];
  /** By slot: what the segment needs and does not know yet. */
  readonly #needs = new Map<number, Seqs>();

  /** Unix ms at which the next is to be carried out; Infinity: there is none. Asked for every request. */
  nextMs = Infinity;

  /** By seq. */
  get all(): FlushPromise[] {
    return this.#open.flat().toSorted((a, b) => a.seq - b.seq);
  }

  /** The last, by its time, of those that are to be carried out now. */
  due(nowMs: number): FlushPromise | undefined {
    if (this.nextMs > nowMs) return undefined;
    const at = chunkFor(this.#open, nowMs + 1);
    const chunk = this.#open[at] ?? [];
    return chunk[placeFor(chunk, nowMs + 1) - 1] ?? this.#open[at - 1]!.at(-1);
  }

  /** Seq of an open one for that very time, which does all that another would; 0: none. */
  seqAt(atMs: number): number {
    const chunk = this.#open[chunkFor(this.#open, atMs)];
    const promise = chunk?.[placeFor(chunk, atMs)];
    return promise?.atMs === atMs ? promise.seq : 0;
  }

  /** The time of the open one with that seq; 0: there is none. */
  timeOf(seq: number): number {
    for (const chunk of this.#open)
      for (const each of chunk) if (each.seq === seq) return each.atMs;
    return 0;
  }

  /** Gives back how to undo that. */
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
   * The flush of `seq` has carried out all promises for a time up to `untilMs`; gives back how to undo that. What is
   * up to the watermark cannot be taken back.
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

  /** Tells the segments which flushes they need because of promises that these carried out. */
  noteNeeds(segmentAt: (slot: number) => Needing): void {
    for (const [slot, need] of this.#needs) segmentAt(slot).flushNeed.add(need);
    this.#needs.clear();
  }

  /** The records of those segments stand in another one now. */
  move(from: ReadonlySet<number>, slot: number): void {
    for (const chunks of [this.#open, ...this.#carriedOut.map((done) => done.chunks)]) {
      for (const chunk of chunks)
        for (const each of chunk) if (from.has(each.slot)) each.slot = slot;
    }
  }

  /** Whether the record of that seq, for that time, promises what is still to be done. */
  isOpen(seq: number, atMs: number): boolean {
    return has(this.#open, seq, atMs);
  }

  /** It is done by a record above the watermark. */
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

/** Index of the first chunk that ends at that time or later; their number: none does. */
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

/** The same in a chunk. */
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

/** Takes out all for a time up to `untilMs`. */
function takeUntil(chunks: Chunks, untilMs: number): Chunks {
  const taken = chunks.splice(0, chunkFor(chunks, untilMs + 1));
  const first = chunks[0];
  const later = first === undefined ? 0 : placeFor(first, untilMs + 1);
  if (first !== undefined && later > 0) taken.push(first.splice(0, later));
  return taken;
}
