// The data block behind a storage line: finds where it begins and ends. memcached's block is exactly `bytes` long and
// followed by CR LF. When the exact length does not fit, the plain dialect tolerates one space before the value,
// behind it, or both.

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const CRLF_BYTES = 2;
/** Spaces before and behind a value that does not fit exactly, in the order in which they are tried. */
const PADDINGS: readonly (readonly [number, number])[] = [
  [1, 0],
  [0, 1],
  [1, 1],
];

/** The place of a block. One object is reused: locate() fills it. */
export class DataBlock {
  valueStart = 0;
  valueEnd = 0;
  /** First byte behind the block, also behind a bad one. */
  next = 0;

  /**
   * Looks for a block of `valueBytes` at `start`. `more`: the answer needs the bytes up to `next`, which have not
   * arrived.
   */
  locate(
    bytes: Buffer,
    start: number,
    end: number,
    valueBytes: number,
    tolerant: boolean,
  ): 'whole' | 'more' | 'bad' {
    const exactEnd = start + valueBytes;
    this.next = exactEnd + CRLF_BYTES;
    if (end < this.next) return 'more';
    if (bytes[exactEnd] === CR && bytes[exactEnd + 1] === LF) {
      this.valueStart = start;
      this.valueEnd = exactEnd;
      return 'whole';
    }
    return tolerant ? this.#locatePadded(bytes, start, end, valueBytes) : 'bad';
  }

  #locatePadded(
    bytes: Buffer,
    start: number,
    end: number,
    valueBytes: number,
  ): 'whole' | 'more' | 'bad' {
    for (const [before, behind] of PADDINGS) {
      if (before === 1 && bytes[start] !== SPACE) continue;
      const valueEnd = start + before + valueBytes;
      if (behind === 1 && bytes[valueEnd] !== SPACE) continue;
      const blockEnd = valueEnd + behind;
      if (end > blockEnd && bytes[blockEnd] !== CR) continue;
      if (end < blockEnd + CRLF_BYTES) {
        this.next = end <= blockEnd ? blockEnd + 1 : blockEnd + CRLF_BYTES;
        return 'more';
      }
      if (bytes[blockEnd + 1] !== LF) continue;
      this.valueStart = start + before;
      this.valueEnd = valueEnd;
      this.next = blockEnd + CRLF_BYTES;
      return 'whole';
    }
    this.next = start + valueBytes + CRLF_BYTES;
    return 'bad';
  }
}
