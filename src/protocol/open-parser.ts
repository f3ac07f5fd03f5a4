// Which protocol a connection speaks: its first byte decides, once.

import { BinaryParser } from './binary/parser.js';
import { CLOSE, NEED_MORE, type Parsed, type ParserOptions, type RequestParser } from './parser.js';
import { type BlockRooms, ReceiveBuffer } from './receive-buffer.js';
import { TextParser } from './text/parser.js';

/** The first byte of every binary request. */
const BINARY_MAGIC = 0x80;

/** A parser for a new connection. `rooms`: who grants the memory of values; without, it is always there. */
export function openParser(options: ParserOptions, rooms?: BlockRooms): RequestParser {
  const buffer = new ReceiveBuffer(rooms);
  return options.protocol === 'text'
    ? new TextParser(options, buffer)
    : new DetectingParser(options, buffer);
}

/** Waits for the first byte, then is what it calls for. */
class DetectingParser implements RequestParser {
  readonly #options: ParserOptions;
  readonly #buffer: ReceiveBuffer;
  #parser: RequestParser | undefined;
  #admitted = false;
  #refused = false;

  constructor(options: ParserOptions, buffer: ReceiveBuffer) {
    this.#buffer = buffer;
    this.#options = options;
  }

  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  get inValue(): boolean {
    return this.#parser !== undefined && this.#parser.inValue;
  }

  settle(): void {
    this.#buffer.settle();
  }

  room(): Buffer | undefined {
    return this.#buffer.room();
  }

  push(chunk: Buffer): void {
    if (this.#refused) return;
    this.#buffer.push(chunk);
  }

  next(): Parsed {
    if (this.#parser !== undefined) return this.#parser.next();
    if (this.#refused) return CLOSE;
    if (this.#buffer.length === 0) return NEED_MORE;
    this.#parser = this.#choose(this.#buffer.bytes[this.#buffer.start]!);
    this.#refused = this.#parser === undefined;
    if (this.#admitted) this.#parser?.admit();
    return this.next();
  }

  admit(): void {
    this.#admitted = true;
    this.#parser?.admit();
  }

  #choose(first: number): RequestParser | undefined {
    // ASCII authentication (-Y) leaves no second door.
    const { asciiAuthentication } = this.#options;
    if (first === BINARY_MAGIC && !asciiAuthentication)
      return new BinaryParser(this.#options, this.#buffer);
    if (this.#options.protocol === 'binary') return undefined;
    return new TextParser(this.#options, this.#buffer);
  }
}
