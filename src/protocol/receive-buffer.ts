// The bytes that a connection has sent and the parser has not used. A chunk is lent, not copied: only
// what is left of it when the parser runs dry is copied into a buffer of our own, which grows with the
// bytes that arrive: what a client announces counts from the moment when a part of it is there.
//
// While a long block arrives, the socket is offered the room in our own buffer (`room`), so that its bytes
// are where they belong when they have left the kernel.
//
// Large buffers of our own come from a pool that all connections share: a fresh megabyte costs the
// system's zeroed pages and, freed, a full garbage collection, which is more than its value is worth.
//
// The room for a block that was announced is asked for (BlockRooms): while it is not granted, nothing is kept but what
// has arrived.
//
// Invariants:
// - bytes[start..end) is unread. Views into `bytes` stay as they are until settle() or push().
// - What room() gave is ours to be written to until the next push(): nothing is moved or given up before.

const OWN_CAPACITY_MIN = 512;
/** A buffer of our own above this is given up when little is left in it. */
const LARGE_CAPACITY = 64 * 1024;
/** A block that was announced gets all its room when this part of it is there. */
const GROWTH = 32;
/** Less than this is not worth a room of its own. */
const ROOM_BYTES_MIN = 64 * 1024;
/** All pooled buffers together. */
const POOL_BYTES_MAX = 8 * 1024 * 1024;

/** A block up to this length comes in without being asked for. */
const FREE_BYTES = 4 * 1024;

/** Who grants the room for blocks. */
export interface BlockRooms {
  /** Whether the whole block may be gathered; if not, nothing should be pushed until it may. May be asked again. */
  claim(bytes: number, arrivedBytes: number): boolean;
  /** The block that was claimed is whole. */
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
  /** Nothing can be read before so many bytes are there; 0: whatever comes. Set by `expect` and `arrived`. */
  expected = 0;
  #own: Buffer = NOTHING;
  readonly #rooms: BlockRooms;
  #hasAsked = false;
  #isGranted = false;

  constructor(rooms: BlockRooms = ALWAYS) {
    this.#rooms = rooms;
  }

  /** The parser reads nothing before so many bytes are there. */
  expect(bytes: number): void {
    this.expected = bytes;
  }

  /** What was expected is there. */
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
   * Where the rest of an expected block may be written before it is pushed; undefined when little of it is
   * missing. What is there must have been settled.
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
        // A large value has passed: its buffer is not kept for a connection that may now be idle.
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
      // The same with the beginning of the next request behind it.
      const large = this.#own;
      this.#own = NOTHING;
      this.#takeOver(0);
      release(large);
    }
  }

  /** Moves what is unread to the front of our own buffer, with room for `more` bytes behind it. */
  #takeOver(more: number): void {
    const { bytes, start, end, length } = this;
    const owned = bytes === this.#own;
    const needed = length + more;
    if (owned && start + needed <= this.#own.length) return;
    if (needed > this.#own.length) {
      // By factors: a value that arrives in many pieces is copied twice at most, not once a piece.
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
  // Sizes are rounded up, so that few kinds of buffers serve all values.
  const rounded = 2 ** Math.ceil(Math.log2(bytes));
  const at = pool.findIndex(({ length }) => length === rounded);
  if (at < 0) return Buffer.allocUnsafeSlow(rounded);
  poolBytes -= rounded;
  return pool.splice(at, 1)[0]!;
}

/** Nobody has a view of `buffer` any more. */
function release(buffer: Buffer): void {
  if (buffer.length < LARGE_CAPACITY || poolBytes + buffer.length > POOL_BYTES_MAX) return;
  pool.push(buffer);
  poolBytes += buffer.length;
}
