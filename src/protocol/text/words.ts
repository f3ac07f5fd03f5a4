// The words of one command line: positions in the receive buffer, in one object that is reused for every line.
// Only spaces separate words; any other byte belongs to a word (keys may be UTF-8 or hold tabs).

const SPACE = 0x20;
/** The positions of this many first words are kept, and those of the last word. No command looks at more. */
const WORDS_KEPT = 32;

export class Words {
  bytes: Buffer = Buffer.alloc(0);
  /** Number of all words of the line, including those whose positions are not kept. */
  count = 0;
  readonly starts: Int32Array = new Int32Array(WORDS_KEPT);
  readonly ends: Int32Array = new Int32Array(WORDS_KEPT);
  #lastStart = 0;
  #lastEnd = 0;

  /** Splits bytes[start..end), a line without its line end. */
  split(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    let count = 0;
    let at = start;
    for (;;) {
      while (at < end && bytes[at] === SPACE) at++;
      if (at >= end) break;
      const from = at;
      while (at < end && bytes[at] !== SPACE) at++;
      if (count < WORDS_KEPT) {
        this.starts[count] = from;
        this.ends[count] = at;
      }
      this.#lastStart = from;
      this.#lastEnd = at;
      count++;
    }
    this.count = count;
  }

  /** Returns the length of word `index` in bytes; 0 when there is no such word. */
  lengthOf(index: number): number {
    return index < this.count ? this.ends[index]! - this.starts[index]! : 0;
  }

  /** Returns a view of word `index`, which must exist. */
  view(index: number): Buffer {
    return this.bytes.subarray(this.starts[index], this.ends[index]);
  }

  /** Returns word `index` as Latin-1 text; '' when there is no such word. Not for the hot path. */
  text(index: number): string {
    if (index >= this.count || index >= WORDS_KEPT) return '';
    return this.bytes.toString('latin1', this.starts[index], this.ends[index]);
  }

  /** Returns the words from `index` on, as Latin-1 text. */
  texts(index: number): string[] {
    const found: string[] = [];
    for (let at = index; at < Math.min(this.count, WORDS_KEPT); at++) found.push(this.text(at));
    return found;
  }

  /** True when the line ends in the word `expected`. */
  lastIs(expected: Buffer): boolean {
    if (this.count === 0 || this.#lastEnd - this.#lastStart !== expected.length) return false;
    for (let at = 0; at < expected.length; at++) {
      if (this.bytes[this.#lastStart + at] !== expected[at]) return false;
    }
    return true;
  }

  /** True when the last word begins with `expected`. */
  lastStartsWith(expected: Buffer): boolean {
    if (this.count === 0 || this.#lastEnd - this.#lastStart < expected.length) return false;
    for (let at = 0; at < expected.length; at++) {
      if (this.bytes[this.#lastStart + at] !== expected[at]) return false;
    }
    return true;
  }
}
