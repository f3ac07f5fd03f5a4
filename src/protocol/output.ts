// The bytes of replies, gathered in one growing buffer until the connection writes them: the hot path
// copies straight into it and makes neither strings nor objects.
//
// Buffers come from a pool that all outputs share and go back when their bytes have been sent: a
// connection without replies holds none, and a busy server writes into the same few, which stay in the
// processor's cache.
//
// Long values are not copied but lent: the output refers to them where they are, and they leave between its own
// bytes. For a value of 1 MiB the copy, and the fresh memory that it wants, cost twice what sending it does.
//
// Invariants:
// - What take() gave stays as it is until recycle(); without that its memory is not used again.
// - `#lent` is made of what lies before byte `#tailStart` of the buffer: our own bytes and lent ones, in order.

import { assert, broken } from '../assert.js';
import { copyBytes } from '../copy-bytes.js';

const FIRST_CAPACITY = 4096;
/** A buffer that grew over this is not kept for the next replies. */
const KEPT_CAPACITY_MAX = 64 * 1024;
/** Shorter values are cheaper to copy than to send as a piece of their own. No buffer that is kept is so long. */
const LENT_BYTES_MIN = 2 * KEPT_CAPACITY_MAX;
const POOL_BUFFERS_MAX = 64;
const DIGIT_ZERO = 0x30;
const CR = 0x0d;
const LF = 0x0a;
/** Longest decimal of a safe integer, and of a u64 with room to spare. */
export const NUMBER_BYTES_MAX = 24;

/**
 * Up to here a value that lies on words is copied word by word: a call into the runtime wants a view of the bytes
 * first, which costs more than the copy.
 */
const WORDS_BYTES_MAX = 512;

/** As this machine has its words. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A buffer, and the view by which words are written to any place in it. */
interface Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
}

const EMPTY = memoryOf(Buffer.alloc(0));
const pool: Memory[] = [];

export class Output {
  /** Bytes that take() or takeParts() would give. */
  length = 0;
  /** take() would not give all: takeParts() does. */
  hasLent = false;
  /** Where a composer writes that asked for room (`reserve`), from `end` on; it says so by `wroteUpTo`. */
  buffer = EMPTY.bytes;
  end = 0;
  #memory = EMPTY;
  /** Complete parts, once something was lent. */
  #lent: Buffer[] | undefined;
  /** From here on the buffer's bytes are in no part yet. */
  #tailStart = 0;
  /** What the last take() gave a part of. */
  #taken = EMPTY;

  /** Room for so many bytes from `end` on. */
  reserve(more: number): void {
    if (this.end + more > this.buffer.length) this.#grow(this.end + more);
  }

  /** The bytes up to `end` were written. */
  wroteUpTo(end: number): void {
    this.length += end - this.end;
    this.end = end;
  }

  /**
   * Puts source[start..end) to the end, and a line end; with `isLasting` they stay as they are for as long as somebody
   * refers to them. `words`, when given, are the same memory as `source`, and `start` is a multiple of 4.
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

  /** Copies bytes[start..end) to the end. */
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

  /** Latin-1 text; not for the hot path. */
  writeText(text: string): void {
    this.reserve(text.length);
    this.wroteUpTo(this.end + this.buffer.write(text, this.end, 'latin1'));
  }

  /** Decimal digits of a safe integer; a minus sign when it is negative. */
  writeNumber(number: number): void {
    this.reserve(NUMBER_BYTES_MAX);
    if (number < 0) this.buffer[this.end] = 0x2d;
    const at = number < 0 ? this.end + 1 : this.end;
    this.wroteUpTo(putNumber(this.buffer, at, Math.abs(number)));
  }

  /** Decimal digits of an unsigned 64-bit number. */
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

  /** The bytes so far, which leave this output empty. Call recycle() when they are sent. */
  take(): Buffer {
    if (this.#lent !== undefined) broken('What was lent leaves in parts');
    const bytes = this.buffer.subarray(0, this.end);
    this.#taken = this.#memory;
    this.#memory = EMPTY;
    this.buffer = EMPTY.bytes;
    this.end = 0;
    this.length = 0;
    return bytes;
  }

  /** As take(), with what was lent, in parts that follow each other. */
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

  /** The first `count` bytes have left and nobody refers to them. Requires: nothing is lent. */
  drop(count: number): void {
    if (count < this.end) {
      this.buffer.copyWithin(0, count, this.end);
      this.end -= count;
      this.length -= count;
      return;
    }
    const { length } = this.buffer;
    if (length !== 0 && length <= KEPT_CAPACITY_MAX && pool.length < POOL_BUFFERS_MAX) {
      pool.push(this.#memory);
    }
    this.#memory = EMPTY;
    this.buffer = EMPTY.bytes;
    this.end = this.length = 0;
  }

  /** The bytes of the last take() are not needed any more; optional. */
  recycle(): void {
    const { length } = this.#taken.bytes;
    if (length !== 0 && length <= KEPT_CAPACITY_MAX && pool.length < POOL_BUFFERS_MAX) {
      pool.push(this.#taken);
    }
    this.#taken = EMPTY;
  }

  /** Takes back everything written after `length` (a reply that failed half-way). */
  truncate(length: number): void {
    assert(length <= this.length, 'Only bytes that were written can be taken back');
    const more = this.length - length;
    assert(this.end - more >= this.#tailStart, 'What was lent is not taken back');
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

  /** Our own bytes since the last part become one. */
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

/** Writes the decimal digits of a safe integer, not negative, to `at`; returns the position behind them. */
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

function memoryOf(bytes: Buffer): Memory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
