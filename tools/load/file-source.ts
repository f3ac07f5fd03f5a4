// The entries of a file or of stdin, gzipped or not. Its first bytes tell whether it is a dump or a table.

import { createReadStream } from 'node:fs';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { KvError, systemCode } from '../../src/errors.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import type { Column } from '../table/columns.js';
import { DumpReader } from './dump-reader.js';
import type { EntryReader, EntrySource } from './entry-source.js';
import { foreignFormat, isCsv, isGzip, isJsonDump } from './foreign-format.js';

const CHUNK_BYTES = 1024 * 1024;
/** This many bytes are read before the form is decided. */
const HEAD_BYTES = 1024;

interface FileOptions {
  /** The size of the file; 0 when it is not known. */
  readonly bytes: number;
  /** For ndjson whose lines were picked or put together: its last line is not required. */
  readonly partial: boolean;
  readonly columns: readonly Column[] | undefined;
}

export class FileSource implements EntrySource {
  readonly unit = 'bytes';
  readonly total: number;
  readonly #name: string;
  readonly #source: Readable;
  readonly #options: FileOptions;
  #reader: EntryReader | undefined;
  done = 0;

  /** The path `-` is stdin. */
  constructor(path: string, options: FileOptions) {
    this.#name = path === '-' ? 'stdin' : path;
    this.#source =
      path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    this.#options = options;
    this.total = options.bytes;
  }

  get place(): string {
    return this.#reader?.place ?? 'Line 1';
  }

  /** Throws KV_CORRUPTION, at the latest at the end, where the input is damaged or incomplete. */
  async *entries(): AsyncGenerator<SnapshotEntry> {
    const content = this.#content();
    const head = await content.next();
    if (head.done === true)
      this.#refuse('There is nothing in it: even the dump of an empty store has a line');
    this.#reader = await this.#readerOf(head.value);
    yield* this.#reader.entries(joined(head.value, content));
  }

  notes(): readonly string[] {
    return [];
  }

  close(): void {
    this.#source.destroy();
  }

  async #readerOf(head: Buffer): Promise<EntryReader> {
    const foreign = foreignFormat(head);
    if (foreign !== undefined) this.#refuse(`This is ${foreign}`);
    const { columns, partial } = this.#options;
    if (isCsv(head)) {
      const { CsvReader } = await import('./csv-reader.js');
      return new CsvReader(this.#name, columns);
    }
    if (columns === undefined) return new DumpReader(this.#name, partial);
    if (isJsonDump(head))
      this.#refuse('--columns is for tables, and this is a JSON dump: leave --columns out');
    const { ObjectReader } = await import('./object-reader.js');
    return new ObjectReader(this.#name, columns);
  }

  async *#content(): AsyncGenerator<Buffer, void, undefined> {
    const chunks = this.#chunks();
    const first = await gathered(chunks);
    if (!isGzip(first)) {
      if (first.length > 0) yield first;
      yield* chunks;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // A failure of either stream comes out of gunzip, which is read here.
    pipeline(Readable.from(joined(first, chunks)), gunzip, () => undefined);
    try {
      for await (const chunk of gunzip) yield chunk as Buffer;
    } catch (error: unknown) {
      if (systemCode(error)?.startsWith('Z_') !== true) throw error;
      const message = `The gzip file is damaged or cut: ${(error as Error).message}`;
      throw new KvError('KV_CORRUPTION', message, { path: this.#name, cause: error });
    }
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of this.#source) {
      this.done += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  }

  #refuse(message: string): never {
    throw new KvError('KV_CORRUPTION', message, { path: this.#name });
  }
}

/** Returns the first bytes, enough of them to tell the form. */
async function gathered(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* joined(
  first: Buffer,
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}
