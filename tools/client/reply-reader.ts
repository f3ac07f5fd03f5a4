// Cuts the bytes of a server into replies. No I/O: it gets bytes in chunks of any size, and gives replies. It knows
// both dialects, memcached's `VALUE <key> <flags> <bytes> [<cas>]` and the plain `VALUE <key> <bytes>`, and meta's
// `VA <bytes> …`.
// Invariant: a data block is never searched for line ends; only its length ends it.

import { EXIT } from '../../src/exit-codes.js';
import { quotedKey } from '../../src/printable.js';
import { ToolError } from '../terminal/program.js';

/**
 * - `none`: the server will not answer (noreply).
 * - `reply`: one line, or items or rows and a last line.
 * - `barrier`: the replies of quiet commands, up to the `MN` of the `mn` that was sent after them.
 * - `listing`: rows until END, with an `OK` before them that ends nothing (lru_crawler metadump).
 */
export type ReplyKind = 'none' | 'reply' | 'barrier' | 'listing';

export interface ReplyItem {
  readonly key: string;
  readonly flags: number;
  /** Undefined when the server did not say. */
  readonly cas: string | undefined;
  readonly value: Buffer;
  /** The flags of a meta reply behind the length: `f5`, `t-1`. */
  readonly returned: readonly string[];
}

export interface Reply {
  /** All bytes of the reply, with its line ends. */
  readonly raw: readonly Buffer[];
  readonly items: readonly ReplyItem[];
  /** Rows of a listing or of stats, without line ends. */
  readonly rows: readonly string[];
  /** The line that ends the reply: `STORED`, `END`, `VA 5 f0`. */
  readonly last: string;
}

const ROW = /^(?:STAT|ITEM|PREFIX|key=\S*) ?/;
/** Rows of a listing. Outside a listing, a line with `mg` is the echo of a server that is no memcached. */
const LISTED = /^(?:OK$|mg )/;
/**
 * The beginnings of replies, in every dialect and version (`SERVER_ERROR: shutdown not enabled`). Redis says `-ERR` or `$-1`,
 * a web server `HTTP/1.1`, and an echo server repeats the request.
 */
const REPLY = /^(?:[A-Z][A-Z_]+(?::? |$)|Error TLS|Not-Exists$|\d+ *$)/;
const EXCERPT_LENGTH = 60;
/** No reply has a longer line. Without a bound a wrong server could fill the memory. */
export const LINE_BYTES_MAX = 1024 * 1024;

export class ReplyReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Nothing is decided before this many bytes have come, so that a large value is joined only once. */
  #neededBytes = 1;
  #raw: Buffer[] = [];
  #items: ReplyItem[] = [];
  #rows: string[] = [];

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * Returns the next reply when all of it has come. Throws when the bytes are not a reply: a ToolError with 76 for a
   * line.
   */
  next(kind: ReplyKind): Reply | undefined {
    while (this.#bytes >= this.#neededBytes) {
      const step = this.#step(kind);
      if (step === 'more') return undefined;
      if (step !== 'on') return this.#finish(step.last);
    }
    return undefined;
  }

  /** Takes the bytes that no request asked for, unchanged. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#chunks, this.#bytes);
    this.#chunks = [];
    this.#bytes = 0;
    this.#neededBytes = 1;
    return rest;
  }

  /** Reads one line and its data block. */
  #step(kind: ReplyKind): 'more' | 'on' | { readonly last: string } {
    const buffer = this.#joined();
    const lineEnd = buffer.indexOf(0x0a);
    if (lineEnd < 0) {
      if (buffer.length > LINE_BYTES_MAX) throw new Error('The server sends no line end');
      this.#neededBytes = this.#bytes + 1;
      return 'more';
    }
    const line = buffer.toString('utf8', 0, lineEnd).replace(/\r$/, '');
    const words = line.split(' ');
    const blockBytes = dataBytes(words);
    if (blockBytes === undefined) {
      this.#take(lineEnd + 1);
      if (ROW.test(line) || (kind === 'listing' && LISTED.test(line))) {
        this.#rows.push(line);
        return 'on';
      }
      if (!REPLY.test(line)) throw notOurs(line);
      if (kind !== 'barrier' || line === 'MN' || line === 'ERROR') return { last: line };
      this.#rows.push(line);
      return 'on';
    }
    const end = lineEnd + 1 + blockBytes + 2;
    if (buffer.length < end) {
      this.#neededBytes = end;
      return 'more';
    }
    const value = buffer.subarray(lineEnd + 1, lineEnd + 1 + blockBytes);
    this.#items.push(itemOf(words, value));
    this.#take(end);
    return words[0] === 'VA' && kind !== 'barrier' ? { last: line } : 'on';
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)];
    return this.#chunks[0]!;
  }

  #take(bytes: number): void {
    const buffer = this.#joined();
    this.#raw.push(buffer.subarray(0, bytes));
    const rest = buffer.subarray(bytes);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    this.#neededBytes = 1;
  }

  #finish(last: string): Reply {
    const reply = { raw: this.#raw, items: this.#items, rows: this.#rows, last };
    this.#raw = [];
    this.#items = [];
    this.#rows = [];
    return reply;
  }
}

function notOurs(line: string): ToolError {
  const said =
    line === '' ? 'an empty line' : quotedKey(Buffer.from(line.slice(0, EXCERPT_LENGTH)));
  return new ToolError(
    EXIT.protocol,
    `What answers there is not a memcached server: it says ${said}`,
  );
}

/** Returns the length of the data block that follows a line; undefined when none does. */
function dataBytes(words: readonly string[]): number | undefined {
  const text =
    words[0] === 'VA' ? words[1] : words[0] === 'VALUE' ? words[words.length === 3 ? 2 : 3] : '';
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function itemOf(words: readonly string[], value: Buffer): ReplyItem {
  if (words[0] === 'VA')
    return { key: '', flags: 0, cas: undefined, value, returned: words.slice(2) };
  const flags = words.length > 3 ? Number(words[2]) : 0;
  return { key: words[1] ?? '', flags, cas: words[4], value, returned: [] };
}
