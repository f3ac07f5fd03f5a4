// The bytes of replies, gathered in one growing buffer until the connection writes them: the hot path
// copies straight into it and makes neither strings nor objects.
//
// Invariant: what take() gave stays as it is until the same Output is written to again after recycle();
// without recycle() the next write starts a new buffer.

import { assert } from '../assert.js';

const FIRST_CAPACITY = 4096;
/** A buffer that grew over this is not kept for the next replies. */
const KEPT_CAPACITY_MAX = 64 * 1024;
const DIGIT_ZERO = 0x30;
/** Longest decimal of a safe integer, and of a u64 with room to spare. */
const NUMBER_BYTES_MAX = 24;

export class Output {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies `bytes` to the end. */
  writeBytes(bytes: Buffer): void {
    const size = bytes.length;
    this.#reserve(size);
    // For a handful of bytes the loop is faster than the call into the runtime.
    if (size <= 16) {
      const buffer = this.#buffer;
      for (let from = 0, to = this.#length; from < size; from++, to++) buffer[to] = bytes[from]!;
    } else {
      this.#buffer.set(bytes, this.#length);
    }
    this.#length += size;
  }

  writeByte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = byte;
  }

  /** Latin-1 text; not for the hot path. */
  writeText(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  /** Decimal digits of a safe integer; a minus sign when it is negative. */
  writeNumber(number: number): void {
    this.#reserve(NUMBER_BYTES_MAX);
    const buffer = this.#buffer;
    let rest = number;
    if (rest < 0) {
      buffer[this.#length++] = 0x2d;
      rest = -rest;
    }
    if (rest < 10) {
      buffer[this.#length++] = DIGIT_ZERO + rest;
      return;
    }
    let digits = 1;
    for (let power = 10; power <= rest; power *= 10) digits++;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const next = Math.floor(rest / 10);
      buffer[at] = DIGIT_ZERO + (rest - next * 10);
      rest = next;
    }
    this.#length += digits;
  }

  /** Decimal digits of an unsigned 64-bit number. */
  writeBigInt(number: bigint): void {
    const small = Number(number);
    if (Number.isSafeInteger(small)) this.writeNumber(small);
    else this.writeText(number.toString());
  }

  writeUint16(number: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(number, this.#length);
  }

  writeUint32(number: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(number, this.#length);
  }

  writeUint64(number: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(number, this.#length);
  }

  /** The bytes so far, which leave this output empty. Hand them back by recycle() when they are sent. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    return bytes;
  }

  /** Gives a buffer from take() back for reuse; optional. */
  recycle(bytes: Buffer): void {
    if (this.#buffer !== EMPTY || bytes.byteOffset !== 0) return;
    const capacity = bytes.buffer.byteLength;
    if (capacity >= FIRST_CAPACITY && capacity <= KEPT_CAPACITY_MAX) {
      this.#buffer = Buffer.from(bytes.buffer, 0, capacity);
    }
  }

  /** Takes back everything written after `length` (a reply that failed half-way). */
  truncate(length: number): void {
    assert(length <= this.#length, 'Only bytes that were written can be taken back');
    this.#length = length;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, this.#buffer.length * 2, needed));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

const EMPTY = Buffer.alloc(0);
