// Snapshot format: composes the JSON export of a store as text, with a header, one entry per line, and a trailer with
// the checksum. Composes ndjson too, with the same entries and no header (docs/format.md, "JSON snapshot"). No I/O.
// parser.ts reads the text back.
//
// Invariants:
// - Any bytes survive: bytes that are not valid UTF-8 are base64, and a field says so. So are values over
//   INLINE_VALUE_BYTES_MAX, whatever they hold: they are composed piece by piece, in one pass.
// - The text is safe on a terminal: control characters, C1 and DEL among them, are escaped.
// - Memory depends neither on the size of the store nor on that of a large value.
// - The number of entries is in the header, but is known only after them: its place has a fixed width.

import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';

import { assert } from '../../assert.js';
import { jsonLine } from '../../printable.js';

export const SNAPSHOT_FORMAT = 'cairn-snapshot';
export const SNAPSHOT_VERSION = 1;
/** Digits of the largest integer that a JSON number holds exactly. */
const COUNT_WIDTH = 16;
const BASE64_GROUP_BYTES = 3;

export type SnapshotForm = 'json' | 'ndjson';

export interface SnapshotHeader {
  readonly seq: number;
  /** Unix ms. */
  readonly createdAt: number;
  /** Only in the server's own snapshots: the store whose records up to `seq` were on the disk. */
  readonly storeId?: string | undefined;
  /** Undefined while the count is not known: see countPatch(). */
  readonly count: number | undefined;
}

/** An entry without its value. */
export interface EntryHead {
  readonly key: Buffer;
  readonly flags: number;
  /** Unix ms; 0: never. */
  readonly expiresAt: number;
  readonly cas: bigint;
}

/** Composes one snapshot from its first byte to its last. Requires: the calls come in the order of the text. */
export class SnapshotComposer {
  readonly #form: SnapshotForm;
  #header: SnapshotHeader | undefined;
  #entries = 0;
  #checksum = 0;
  /** Bytes of a large value that do not fill a base64 group yet. */
  #carry: Buffer = Buffer.alloc(0);
  #openEntry: EntryHead | undefined;

  constructor(form: SnapshotForm) {
    this.#form = form;
  }

  get count(): number {
    return this.#entries;
  }

  header(header: SnapshotHeader): Buffer {
    this.#header = header;
    return this.#form === 'json' ? composeHeader(header) : Buffer.alloc(0);
  }

  /** Composes a whole entry; `value` undefined leaves the value out (a listing, which cannot be loaded). */
  entry(head: EntryHead, value: Buffer | undefined): Buffer {
    if (value === undefined) return this.#line(composeHead(head) + composeTail(head, undefined));
    const encoding = isUtf8(value) ? 'utf8' : 'base64';
    const text = jsonLine(value.toString(encoding));
    return this.#line(`${composeHead(head)},"value":${text}${composeTail(head, encoding)}`);
  }

  /** Composes the beginning of an entry whose value follows in pieces. */
  openEntry(head: EntryHead): Buffer {
    assert(this.#openEntry === undefined, 'One entry is composed at a time');
    this.#openEntry = head;
    return this.#lineStart(`${composeHead(head)},"value":"`);
  }

  /** Composes the next bytes of the value, however many. */
  valuePiece(piece: Buffer): Buffer {
    assert(this.#openEntry !== undefined, 'A piece belongs to an open entry');
    const bytes = this.#carry.length === 0 ? piece : Buffer.concat([this.#carry, piece]);
    const whole = bytes.length - (bytes.length % BASE64_GROUP_BYTES);
    this.#carry = Buffer.from(bytes.subarray(whole));
    return this.#counted(bytes.toString('base64', 0, whole));
  }

  closeEntry(): Buffer {
    const head = this.#openEntry;
    assert(head !== undefined, 'Only an open entry is closed');
    const rest = this.#carry.toString('base64');
    this.#openEntry = undefined;
    this.#carry = Buffer.alloc(0);
    return this.#counted(`${rest}"${composeTail(head, 'base64')}${this.#lineEnd()}`);
  }

  /**
   * Composes the last line. The checksum covers the entries and then the header with its final count; in ndjson,
   * which has no header, only the entries.
   */
  trailer(): Buffer {
    if (this.#form === 'ndjson') {
      const checksum = composeChecksum(this.#checksum);
      return Buffer.from(`{"count":${this.#entries},"checksum":"${checksum}"}\n`);
    }
    assert(this.#header !== undefined, 'The header comes first');
    const lineEnd = this.#entries === 0 ? '' : this.#counted('\n').toString();
    const header = composeHeader({ ...this.#header, count: this.#entries });
    return Buffer.from(
      `${lineEnd}],"checksum":"${composeChecksum(crc32(header, this.#checksum))}"}\n`,
    );
  }

  /**
   * Returns the count's bytes and their position in the header, to be written once all entries are composed;
   * undefined in ndjson, which has no header.
   */
  countPatch(): { readonly position: number; readonly bytes: Buffer } | undefined {
    if (this.#form === 'ndjson') return undefined;
    assert(this.#header !== undefined, 'The header comes first');
    const header = composeHeader({ ...this.#header, count: this.#entries });
    const position = header.indexOf('"count":') + '"count":'.length;
    return { position, bytes: header.subarray(position, position + COUNT_WIDTH) };
  }

  #line(text: string): Buffer {
    return this.#lineStart(text + this.#lineEnd());
  }

  /** In JSON, each entry writes the comma of the entry before it: the last entry has none. */
  #lineStart(text: string): Buffer {
    const comma = this.#form === 'json' && this.#entries > 0 ? ',\n' : '';
    this.#entries += 1;
    return this.#counted(comma + text);
  }

  #lineEnd(): string {
    return this.#form === 'json' ? '' : '\n';
  }

  #counted(text: string): Buffer {
    const bytes = Buffer.from(text);
    this.#checksum = crc32(bytes, this.#checksum);
    return bytes;
  }
}

/** Returns `crc32:` and eight hex digits. */
export function composeChecksum(checksum: number): string {
  return `crc32:${checksum.toString(16).padStart(8, '0')}`;
}

function composeHeader({ seq, createdAt, storeId, count }: SnapshotHeader): Buffer {
  const store = storeId === undefined ? '' : `"storeId":"${storeId}",`;
  const places = (count === undefined ? '0' : String(count)).padEnd(COUNT_WIDTH);
  return Buffer.from(
    `{"format":"${SNAPSHOT_FORMAT}","version":${SNAPSHOT_VERSION},"seq":${seq},` +
      `"createdAt":${createdAt},${store}"count":${places},"entries":[\n`,
  );
}

function composeHead({ key }: EntryHead): string {
  return `{${composeKey(key)}`;
}

/** Returns the JSON fields of a key. */
export function composeKey(key: Buffer): string {
  if (isUtf8(key)) return `"key":${jsonLine(key.toString('utf8'))}`;
  return `"key":"${key.toString('base64')}","keyEncoding":"base64"`;
}

function composeTail(head: EntryHead, encoding: 'utf8' | 'base64' | undefined): string {
  const said = encoding === undefined ? '' : `,"encoding":"${encoding}"`;
  const expiresAt = head.expiresAt === 0 ? 'null' : String(head.expiresAt);
  return `${said},"flags":${head.flags},"expiresAt":${expiresAt},"cas":${composeCas(head.cas)}}`;
}

/** Returns a token as a JSON number, or as a string when a number cannot hold it exactly. */
export function composeCas(cas: bigint): string {
  return cas <= BigInt(Number.MAX_SAFE_INTEGER) ? String(cas) : `"${cas}"`;
}
