// The prompt's input when it is not a terminal: lines and values as bytes, exactly as they came.
//
// Invariant: a value ends by its length, as on a server; line ends inside it are ordinary bytes.

export type TypedValue =
  | { readonly kind: 'value'; readonly bytes: Buffer }
  /** The value was longer or shorter than announced. */
  | { readonly kind: 'wrong'; readonly length: number }
  | { readonly kind: 'taken back' }
  | { readonly kind: 'ended' };

/** The source of the prompt's lines. */
export interface PromptInput {
  /** Returns the next line without its end; undefined at the end of the input. */
  line(): Promise<Buffer | undefined>;
  /** Returns the value, of the length in bytes that a line announced. */
  value(bytes: number): Promise<TypedValue>;
  /** Stops reading. */
  close(): void;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

export class PipedInput implements PromptInput {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #isFirst = true;
  #ended = false;

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async line(): Promise<Buffer | undefined> {
    const end = await this.#lineEnd(0);
    if (end === 0 && this.#rest.length === 0) return undefined;
    const line = withoutReturn(this.#take(end));
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    // Editors put the mark before the first line of a file.
    return isFirst && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? line.subarray(3) : line;
  }

  async value(bytes: number): Promise<TypedValue> {
    if (!(await this.#gather(bytes))) return { kind: 'ended' };
    const end = await this.#lineEnd(bytes);
    const line = this.#take(end);
    // The line may end with CR LF, and the value itself may end with a CR.
    const length = line.length === bytes ? bytes : withoutReturn(line).length;
    return length === bytes
      ? { kind: 'value', bytes: line.subarray(0, bytes) }
      : { kind: 'wrong', length };
  }

  close(): void {
    this.#ended = true;
    this.#rest = Buffer.alloc(0);
    void this.#chunks.return?.();
  }

  /** Returns the place of the first line end at or behind `from`, or the end of the input. */
  async #lineEnd(from: number): Promise<number> {
    for (let searched = from; ;) {
      const end = this.#rest.indexOf(LINE_FEED, searched);
      if (end >= 0) return end;
      searched = Math.max(from, this.#rest.length);
      if (!(await this.#more())) return this.#rest.length;
    }
  }

  /** Checks whether that many bytes come. A large value is joined once, not with each chunk. */
  async #gather(bytes: number): Promise<boolean> {
    const pieces = [this.#rest];
    let gathered = this.#rest.length;
    while (gathered < bytes) {
      this.#rest = Buffer.alloc(0);
      if (!(await this.#more())) return false;
      pieces.push(this.#rest);
      gathered += this.#rest.length;
    }
    this.#rest = pieces.length === 1 ? this.#rest : Buffer.concat(pieces, gathered);
    return true;
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const { done, value } = await this.#chunks.next();
    if (done === true) this.#ended = true;
    else this.#rest = Buffer.concat([this.#rest, value]);
    return done !== true;
  }

  /** Takes the bytes before `end`, and the line end there. */
  #take(end: number): Buffer {
    const taken = this.#rest.subarray(0, end);
    this.#rest = this.#rest.subarray(end + 1);
    return taken;
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}
