// The bytes of replies, gathered in one growing buffer until the connection writes them. The hot path
// copies straight into the buffer and makes neither strings nor objects.
//
// Buffers come from a pool that all outputs share, and go back when their bytes have been sent. A
// connection without replies holds none, and a busy server writes into the same few buffers, which stay in the
// processor's cache.
//
// Long values are not copied but lent: the output refers to them in place and sends them between its own bytes. For a
// value of 1 MiB the copy, with the fresh memory that it needs, costs twice as much as sending it.
//
// Invariants:
// - The bytes that take() gave stay unchanged until recycle(). Without recycle() their memory is not used again.
// - `#lent` holds, in order, the buffer's own bytes before `#tailStart` and the lent values.

import { assert, broken } from '../assert.js';
import { copyBytes } from '../copy-bytes.js';

const FIRST_CAPACITY = 4096;
/** A buffer that grew over this is not kept for the next replies. */
const KEPT_CAPACITY_MAX = 64 * 1024;
/** Shorter values are cheaper to copy than to send as a piece of their own. No pooled buffer is this long. */
const LENT_BYTES_MIN = 2 * KEPT_CAPACITY_MAX;
/** Enough for the replies of one batch of a cluster, which are composed in one turn. */
const POOL_BUFFERS_MAX = 512;
/** The number of pooled buffers from which on only small ones are added. */
const POOL_GROWN_MAX = 64;
const DIGIT_ZERO = 0x30;
const CR = 0x0d;
const LF = 0x0a;
/** Enough bytes for the decimal digits of any safe integer and of any u64. */
export const NUMBER_BYTES_MAX = 24;

/**
 * Aligned values up to this length are copied word by word. A call into the runtime needs a view of the bytes first,
 * which costs more than the copy.
 */
const WORDS_BYTES_MAX = 512;

/** Byte order of this machine. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A buffer, and a view that can write words to any place in it. */
interface Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
}

const EMPTY = memoryOf(Buffer.alloc(0));
const pool: Memory[] = [];

export class Output {
  /** Number of bytes that take() or takeParts() would give. */
  length = 0;
  /** True when values are lent: only takeParts() gives all bytes then. */
  hasLent = false;
  /** A composer that has called `reserve` may write here from `end` on, and then calls `wroteUpTo`. */
  buffer = EMPTY.bytes;
  end = 0;
  #memory = EMPTY;
  /** The complete parts, once a value was lent. */
  #lent: Buffer[] | undefined;
  /** The buffer's bytes from here on belong to no part yet. */
  #tailStart = 0;
  /** The memory of the bytes that the last take() gave. */
  #taken = EMPTY;

  /** Makes room for `more` bytes from `end` on. */
  reserve(more: number): void {
    if (this.end + more > this.buffer.length) this.#grow(this.end + more);
  }

  /** Counts the bytes up to `end` as written. */
  wroteUpTo(end: number): void {
    this.length += end - this.end;
    this.end = end;
  }

  /**
   * Appends source[start..end) and a line end. `isLasting` says that those bytes stay unchanged for as long as somebody
   * refers to them. If `words` is given, it is the same memory as `source`, and `start` is a multiple of 4.
   */
  writeValueLine(
    source: Buffer,
    words: Uint32Array | undefined,
    start: number,
    end: number,
    isLasting: boolean,
  ): void {
    this.writeValue(source, words, start, end, isLasting);
    if (this.end + 2 > this.buffer.length) this.#grow(this.end + 2);
    this.buffer[this.end] = CR;
    this.buffer[this.end + 1] = LF;
    this.end += 2;
    this.length += 2;
  }

  /** As writeValueLine, without the line end. */
  writeValue(
    source: Buffer,
    words: Uint32Array | undefined,
    start: number,
    end: number,
    isLasting: boolean,
  ): void {
    const size = end - start;
    if (!isLasting || size < LENT_BYTES_MIN) {
      if (this.end + size > this.buffer.length) this.#grow(this.end + size);
      if (words !== undefined && size <= WORDS_BYTES_MAX) {
        this.#copyWords(words, source, start, end);
      } else {
        source.copy(this.buffer, this.end, start, end);
      }
      this.end += size;
      this.length += size;
      return;
    }
    const bytes = size === source.length ? source : source.subarray(start, end);
    this.#lent ??= [];
    this.hasLent = true;
    this.#endPart();
    this.#lent.push(bytes);
    this.length += size;
  }

  /** Appends a copy of bytes[start..end). */
  writeBytes(bytes: Buffer, start = 0, end = bytes.length): void {
    const size = end - start;
    if (this.end + size > this.buffer.length) this.#grow(this.end + size);
    copyBytes(this.buffer, this.end, bytes, start, end);
    this.end += size;
    this.length += size;
  }

  writeByte(byte: number): void {
    this.reserve(1);
    this.buffer[this.end] = byte;
    this.wroteUpTo(this.end + 1);
  }

  /** Appends Latin-1 text; not for the hot path. */
  writeText(text: string): void {
    this.reserve(text.length);
    this.wroteUpTo(this.end + this.buffer.write(text, this.end, 'latin1'));
  }

  /** Appends the decimal digits of a safe integer, with a minus sign when it is negative. */
  writeNumber(number: number): void {
    this.reserve(NUMBER_BYTES_MAX);
    if (number < 0) this.buffer[this.end] = 0x2d;
    const at = number < 0 ? this.end + 1 : this.end;
    this.wroteUpTo(putNumber(this.buffer, at, Math.abs(number)));
  }

  /** Appends the decimal digits of an unsigned 64-bit number. */
  writeBigInt(number: bigint): void {
    const small = Number(number);
    if (Number.isSafeInteger(small)) this.writeNumber(small);
    else this.writeText(number.toString());
  }

  writeUint16(number: number): void {
    this.reserve(2);
    this.wroteUpTo(this.buffer.writeUInt16BE(number, this.end));
  }

  writeUint32(number: number): void {
    this.reserve(4);
    this.wroteUpTo(this.buffer.writeUInt32BE(number, this.end));
  }

  writeUint64(number: bigint): void {
    this.reserve(8);
    this.wroteUpTo(this.buffer.writeBigUInt64BE(number, this.end));
  }

  /** Returns the bytes so far and leaves this output empty. Call recycle() when they are sent. */
  take(): Buffer {
    if (this.#lent !== undefined) broken('An output with lent values is taken in parts');
    const bytes = this.buffer.subarray(0, this.end);
    this.#taken = this.#memory;
    this.#memory = EMPTY;
    this.buffer = EMPTY.bytes;
    this.end = 0;
    this.length = 0;
    return bytes;
  }

  /** As take(), with the lent values, in parts that follow each other. */
  takeParts(): Buffer[] {
    const parts = this.#lent ?? [];
    this.#lent = parts;
    this.#endPart();
    this.#lent = undefined;
    this.hasLent = false;
    this.#tailStart = 0;
    this.take();
    return parts;
  }

  /** Removes the first `count` bytes, which were sent and to which nobody refers. Requires: nothing is lent. */
  drop(count: number): void {
    if (count < this.end) {
      this.buffer.copyWithin(0, count, this.end);
      this.end -= count;
      this.length -= count;
      return;
    }
    keep(this.#memory);
    this.#memory = EMPTY;
    this.buffer = EMPTY.bytes;
    this.end = this.length = 0;
  }

  /** Gives back the memory of the last take(), whose bytes are no longer needed. Calling it is optional. */
  recycle(): void {
    keep(this.#taken);
    this.#taken = EMPTY;
  }

  /** Takes back all bytes written after `length`, for a reply that failed half-way. */
  truncate(length: number): void {
    assert(length <= this.length, 'Only bytes that were written can be taken back');
    const more = this.length - length;
    assert(this.end - more >= this.#tailStart, 'A lent value cannot be taken back');
    this.end -= more;
    this.length = length;
  }

  #copyWords(words: Uint32Array, source: Buffer, start: number, end: number): void {
    const { view } = this.#memory;
    let to = this.end;
    let from = start;
    for (; from + 4 <= end; from += 4, to += 4) {
      view.setUint32(to, words[from >>> 2]!, IS_LITTLE_ENDIAN);
    }
    const { buffer } = this;
    for (; from < end; from++, to++) buffer[to] = source[from]!;
  }

  /** Makes one part of the buffer's bytes since the last part. */
  #endPart(): void {
    if (this.end === this.#tailStart) return;
    this.#lent!.push(this.buffer.subarray(this.#tailStart, this.end));
    this.#tailStart = this.end;
  }

  #grow(needed: number): void {
    const small = this.buffer;
    if (this.#memory === EMPTY && needed <= FIRST_CAPACITY) {
      const memory = pool.pop() ?? memoryOf(Buffer.allocUnsafeSlow(FIRST_CAPACITY));
      this.#memory = memory;
      this.buffer = memory.bytes;
      return;
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, small.length * 2, needed));
    grown.set(small.subarray(0, this.end));
    this.#memory = memoryOf(grown);
    this.buffer = grown;
  }
}

/** Writes the decimal digits of a non-negative safe integer to `at`; returns the position behind them. */
export function putNumber(bytes: Buffer, at: number, number: number): number {
  if (number < 10) {
    bytes[at] = DIGIT_ZERO + number;
    return at + 1;
  }
  let end = at + 1;
  for (let power = 10; power <= number; power *= 10) end += 1;
  let rest = number;
  for (let to = end - 1; to >= at; to -= 1) {
    const next = Math.floor(rest / 10);
    bytes[to] = DIGIT_ZERO + (rest - next * 10);
    rest = next;
  }
  return end;
}

/** Pools the memory of replies that were sent, unless there is enough of it. */
function keep(memory: Memory): void {
  const { length } = memory.bytes;
  const most = length > FIRST_CAPACITY ? POOL_GROWN_MAX : POOL_BUFFERS_MAX;
  if (length !== 0 && length <= KEPT_CAPACITY_MAX && pool.length < most) pool.push(memory);
}

function memoryOf(bytes: Buffer): Memory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
