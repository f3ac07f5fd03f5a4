// The bytes that a connection has sent and the parser has not used. A chunk is lent, not copied: only
// what is left of it when the parser runs dry is copied into a buffer of our own, which grows with the
// bytes that arrive and never by what a client announces.
//
// Large buffers of our own come from a pool that all connections share: a fresh megabyte costs the
// system's zeroed pages and, freed, a full garbage collection, which is more than its value is worth.
//
// Invariant: bytes[start..end) is unread. Views into `bytes` stay as they are until settle() or push().

const OWN_CAPACITY_MIN = 512;
/** A buffer of our own above this is given up when little is left in it. */
const LARGE_CAPACITY = 64 * 1024;
/** All pooled buffers together. */
const POOL_BYTES_MAX = 8 * 1024 * 1024;

const pool: Buffer[] = [];
let poolBytes = 0;

export class ReceiveBuffer {
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #own: Buffer = NOTHING;

  get length(): number {
    return this.end - this.start;
  }

  /** Lends `chunk` until settle(). */
  push(chunk: Buffer): void {
    if (this.start === this.end) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      return;
    }
    this.#takeOver(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Copies the rest of a lent chunk, so that the lender may reuse its memory. */
  settle(): void {
    if (this.start === this.end) {
      // A large value has passed: its buffer is not kept for a connection that may now be idle.
      this.bytes = NOTHING;
      release(this.#own);
      this.#own = NOTHING;
      this.start = 0;
      this.end = 0;
    } else if (this.bytes !== this.#own) {
      this.#takeOver(0);
    } else if (this.#own.length > LARGE_CAPACITY && this.length * 4 < this.#own.length) {
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
      // Doubling: a value that arrives in many pieces is copied twice, not once a piece.
      const capacity = Math.max(OWN_CAPACITY_MIN, needed, 2 * length);
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
