// The bytes that a connection has sent and the parser has not used. A chunk is lent, not copied. Only the rest that
// the parser has not used is copied into a buffer of our own. That buffer grows with the bytes that
// arrive: an announced length counts only once a part of the block has arrived.
//
// While a long block arrives, the socket reads into the free part of our own buffer (`room`), so that the kernel puts
// the bytes at their final place.
//
// Large buffers of our own come from a pool that all connections share. A fresh megabyte costs the
// system's zeroed pages and, once freed, a full garbage collection: more than handling its value costs.
//
// The buffer asks for the room of an announced block (BlockRooms). Until the room is granted, it keeps only bytes that
// have arrived.
//
// Invariants:
// - bytes[start..end) is unread. Views into `bytes` stay unchanged until settle() or push().
// - The memory that room() returned may be written until the next push(): nothing is moved or given up before.

const OWN_CAPACITY_MIN = 512;
/** A buffer of our own above this is given up when little is left in it. */
const LARGE_CAPACITY = 64 * 1024;
/** An announced block gets all its room when one part in this many has arrived. */
const GROWTH = 32;
/** Less than this is not worth a room of its own. */
const ROOM_BYTES_MIN = 64 * 1024;
/** All pooled buffers together. */
const POOL_BYTES_MAX = 8 * 1024 * 1024;

/** A block up to this length is received without asking for room. */
const FREE_BYTES = 4 * 1024;

/** The owner of the memory for blocks, which grants room. */
export interface BlockRooms {
  /** True when the whole block may be gathered. Otherwise nothing should be pushed until it may. May be called again. */
  claim(bytes: number, arrivedBytes: number): boolean;
  /** Gives the room back, because the claimed block is whole. */
  release(): void;
}

const ALWAYS: BlockRooms = { claim: () => true, release() {} };

const pool: Buffer[] = [];
let poolBytes = 0;

/** Gives up the pooled buffers. */
export function forgetSpareReceiveBuffers(): void {
  pool.length = 0;
  poolBytes = 0;
}

export class ReceiveBuffer {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** Number of bytes before which nothing can be read; 0: no such number. Set by `expect` and `arrived`. */
  expected = 0;
  #own: Buffer = NOTHING;
  readonly #rooms: BlockRooms;
  #hasAsked = false;
  #isGranted = false;

  constructor(rooms: BlockRooms = ALWAYS) {
    this.#rooms = rooms;
  }

  /** Says that the parser reads nothing before this many bytes have arrived. */
  expect(bytes: number): void {
    this.expected = bytes;
  }

  /** Ends the expectation, because the bytes have arrived. */
  arrived(): void {
    this.expected = 0;
    if (!this.#hasAsked) return;
    this.#hasAsked = false;
    this.#isGranted = false;
    this.#rooms.release();
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Lends the first `count` bytes of `chunk` until settle(). */
  push(chunk: Buffer, count = chunk.length): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = count;
      return;
    }
    if (!this.#isInPlace(chunk)) {
      this.#takeOver(count);
      chunk.copy(this.bytes, this.end, 0, count);
    }
    this.end += count;
  }

  /**
   * Returns the memory into which the rest of an expected block may be read before it is pushed; undefined when little
   * of the block is missing. Requires: settle() was called after the last push().
   */
  room(): Buffer | undefined {
    if (this.expected === 0) return undefined;
    if (this.expected - this.length < ROOM_BYTES_MIN || this.bytes !== this.#own) return undefined;
    if (this.#own.length - this.end < ROOM_BYTES_MIN) {
      if (this.length < ROOM_BYTES_MIN) return undefined;
      this.#takeOver(ROOM_BYTES_MIN);
    }
    return this.#own.subarray(this.end, this.start + this.expected);
  }

  #isInPlace(chunk: Buffer): boolean {
    const own = this.#own;
    if (this.bytes !== own || chunk.buffer !== own.buffer) return false;
    return chunk.byteOffset === own.byteOffset + this.end;
  }

  #waits(): boolean {
    return this.#hasAsked && !this.#isGranted;
  }

  /** Copies the rest of a lent chunk, so that the lender may reuse its memory. */
  settle(): void {
    if (this.expected > FREE_BYTES && !this.#isGranted) {
      this.#hasAsked = true;
      this.#isGranted = this.#rooms.claim(this.expected, this.length);
    }
    if (this.start === this.end) {
      this.bytes = NOTHING;
      if (this.#own !== NOTHING) {
        // The large value is done. A connection that may now be idle does not keep its buffer.
        release(this.#own);
        this.#own = NOTHING;
      }
      this.start = 0;
      this.end = 0;
    } else if (this.bytes !== this.#own) {
      this.#takeOver(0);
    } else if (
      this.expected === 0 &&
      this.#own.length > LARGE_CAPACITY &&
      this.length * 4 < this.#own.length
    ) {
      // The large value is done too, but the beginning of the next request is behind it.
      const large = this.#own;
      this.#own = NOTHING;
      this.#takeOver(0);
      release(large);
    }
  }

  /** Moves the unread bytes to the front of our own buffer, with room for `more` bytes behind them. */
  #takeOver(more: number): void {
    const { bytes, start, end, length } = this;
    const owned = bytes === this.#own;
    const needed = length + more;
    if (owned && start + needed <= this.#own.length) return;
    if (needed > this.#own.length) {
      // The capacity grows by factors: a value in many pieces is copied twice at most, not once per piece.
      const isEarly = this.expected > GROWTH * length;
      const announced = isEarly || this.#waits() ? 0 : this.expected;
      const capacity = Math.max(
        OWN_CAPACITY_MIN,
        needed,
        this.#waits() ? 0 : 2 * length,
        announced,
      );
      const grown = allocate(capacity);
      grown.set(bytes.subarray(start, end));
      release(this.#own);
      this.#own = grown;
    } else if (owned) {
      this.#own.copyWithin(0, start, end);
    } else {
      this.#own.set(bytes.subarray(start, end));
    }
    this.bytes = this.#own;
    this.start = 0;
    this.end = length;
  }
}

const NOTHING = Buffer.alloc(0);

function allocate(bytes: number): Buffer {
  if (bytes < LARGE_CAPACITY) return Buffer.allocUnsafeSlow(bytes);
  // Sizes are rounded up, so that a few sizes of buffers serve all values.
  const rounded = 2 ** Math.ceil(Math.log2(bytes));
  const at = pool.findIndex(({ length }) => length === rounded);
  if (at < 0) return Buffer.allocUnsafeSlow(rounded);
  poolBytes -= rounded;
  return pool.splice(at, 1)[0]!;
}

/** Returns `buffer` to the pool. Requires: nobody has a view of it. */
function release(buffer: Buffer): void {
  if (buffer.length < LARGE_CAPACITY || poolBytes + buffer.length > POOL_BYTES_MAX) return;
  pool.push(buffer);
  poolBytes += buffer.length;
}
