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

import { assert } from '../assert.js';

const FIRST_CAPACITY = 4096;
/** A buffer that grew over this is not kept for the next replies. */
const KEPT_CAPACITY_MAX = 64 * 1024;
/** Shorter values are cheaper to copy than to send as a piece of their own. No buffer that is kept is so long. */
const LENT_BYTES_MIN = 2 * KEPT_CAPACITY_MAX;
const POOL_BUFFERS_MAX = 64;
/** For so few bytes a loop is faster than a call into the runtime. */
const LOOP_BYTES_MAX = 32;
const DIGIT_ZERO = 0x30;
/** Longest decimal of a safe integer, and of a u64 with room to spare. */
const NUMBER_BYTES_MAX = 24;

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
  #buffer = EMPTY.bytes;
  #memory = EMPTY;
  #length = 0;
  /** Complete parts, once something was lent. */
  #lent: Buffer[] | undefined;
  #lentBytes = 0;
  /** From here on the buffer's bytes are in no part yet. */
  #tailStart = 0;
  /** What the last take() gave a part of. */
  #taken = EMPTY;

  get length(): number {
    return this.#lentBytes + this.#length - this.#tailStart;
  }

  /** take() would not give all: takeParts() does. */
  get hasLent(): boolean {
    return this.#lent !== undefined;
  }

  /**
   * Puts source[start..end) to the end; with `isLasting` they stay as they are for as long as somebody refers to
   * them. `words`, when given, are the same memory as `source`, and `start` is a multiple of 4.
   */
  writeValue(
    source: Buffer,
    words: Uint32Array | undefined,
    start: number,
    end: number,
    isLasting: boolean,
  ): void {
    const size = end - start;
    if (!isLasting || size < LENT_BYTES_MIN) {
      this.#reserve(size);
      if (words !== undefined && size <= WORDS_BYTES_MAX)
        this.#copyWords(words, source, start, end);
      else source.copy(this.#buffer, this.#length, start, end);
      this.#length += size;
      return;
    }
    const bytes = size === source.length ? source : source.subarray(start, end);
    this.#lent ??= [];
    this.#endPart();
    this.#lent.push(bytes);
    this.#lentBytes += bytes.length;
  }

  /** Copies bytes[start..end) to the end. */
  writeBytes(bytes: Buffer, start = 0, end = bytes.length): void {
    const size = end - start;
    if (this.#length + size > this.#buffer.length) this.#grow(this.#length + size);
    if (size <= LOOP_BYTES_MAX) {
      const buffer = this.#buffer;
      for (let from = start, to = this.#length; from < end; from++, to++) buffer[to] = bytes[from]!;
    } else {
      bytes.copy(this.#buffer, this.#length, start, end);
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

  /** The bytes so far, which leave this output empty. Call recycle() when they are sent. */
  take(): Buffer {
    assert(this.#lent === undefined, 'What was lent leaves in parts');
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#taken = this.#memory;
    this.#use(EMPTY);
    this.#length = 0;
    return bytes;
  }

  /** As take(), with what was lent, in parts that follow each other. */
  takeParts(): Buffer[] {
    const parts = this.#lent ?? [];
    this.#lent = parts;
    this.#endPart();
    this.#lent = undefined;
    this.#lentBytes = 0;
    this.#tailStart = 0;
    this.take();
    return parts;
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
    assert(length >= this.#lentBytes, 'What was lent is not taken back');
    this.#length = this.#tailStart + length - this.#lentBytes;
  }

  #copyWords(words: Uint32Array, source: Buffer, start: number, end: number): void {
    const { view } = this.#memory;
    let to = this.#length;
    let from = start;
    for (; from + 4 <= end; from += 4, to += 4) {
      view.setUint32(to, words[from >>> 2]!, IS_LITTLE_ENDIAN);
    }
    const buffer = this.#buffer;
    for (; from < end; from++, to++) buffer[to] = source[from]!;
  }

  #use(memory: Memory): void {
    this.#memory = memory;
    this.#buffer = memory.bytes;
  }

  /** Our own bytes since the last part become one. */
  #endPart(): void {
    if (this.#length === this.#tailStart) return;
    this.#lent!.push(this.#buffer.subarray(this.#tailStart, this.#length));
    this.#lentBytes += this.#length - this.#tailStart;
    this.#tailStart = this.#length;
  }

  #reserve(more: number): void {
    if (this.#length + more > this.#buffer.length) this.#grow(this.#length + more);
  }

  #grow(needed: number): void {
    const small = this.#buffer;
    if (this.#memory === EMPTY && needed <= FIRST_CAPACITY) {
      this.#use(pool.pop() ?? memoryOf(Buffer.allocUnsafeSlow(FIRST_CAPACITY)));
      return;
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, small.length * 2, needed));
    grown.set(small.subarray(0, this.#length));
    this.#use(memoryOf(grown));
  }
}

function memoryOf(bytes: Buffer): Memory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
