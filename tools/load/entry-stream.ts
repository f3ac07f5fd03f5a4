// The entries of a dump, JSON or ndjson, gzipped or not, from a file or stdin, with the bytes read so far.

import { createReadStream } from 'node:fs';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { KvError, systemCode } from '../../src/errors.js';
import {
  SnapshotParser,
  type SnapshotEntry,
  type SnapshotSummary,
} from '../../src/store/snapshot-file/parser.js';
import { foreignFormat, isGzip } from './foreign-format.js';

const CHUNK_BYTES = 1024 * 1024;
/** So much is waited for before the form is told. */
const HEAD_BYTES = 1024;

interface DumpOptions {
  /** ndjson of which lines were taken out or put together: its last line is not asked for. */
  readonly partial: boolean;
}

export class EntryStream {
  readonly #name: string;
  readonly #source: Readable;
  readonly #parser: SnapshotParser;
  readonly #partial: boolean;
  bytesRead = 0;

  /** `-` is stdin. */
  constructor(path: string, { partial }: DumpOptions) {
    this.#name = path === '-' ? 'stdin' : path;
    this.#source =
      path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    this.#partial = partial;
    this.#parser = new SnapshotParser(this.#name, { partial });
  }

  /** Number of the line of the entry that came last. */
  get line(): number {
    return this.#parser.line;
  }

  /** Throws KV_CORRUPTION where the dump is damaged or incomplete, at the latest at its end. */
  async *entries(): AsyncGenerator<SnapshotEntry> {
    let isEmpty = true;
    for await (const chunk of this.#content()) {
      if (isEmpty) {
        const foreign = foreignFormat(chunk);
        if (foreign !== undefined) this.#refuse(`This is ${foreign}`);
      }
      isEmpty = false;
      yield* this.#parser.push(chunk);
    }
    if (isEmpty) this.#refuse('There is nothing in it: even the dump of an empty store has a line');
    yield* this.#parser.end();
    if (this.summary().isProved || this.#partial) return;
    this.#refuse(
      'The last line with count and checksum is missing: the dump is not complete. ' +
        'Lines that were picked or written by hand are taken with --partial',
    );
  }

  summary(): SnapshotSummary {
    return this.#parser.summary();
  }

  async *#content(): AsyncGenerator<Buffer> {
    const chunks = this.#chunks();
    const first = await gathered(chunks);
    if (!isGzip(first)) {
      if (first.length > 0) yield first;
      yield* chunks;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    // A failure of either comes out of what is read here.
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
      this.bytesRead += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
  }

  #refuse(message: string): never {
    throw new KvError('KV_CORRUPTION', message, { path: this.#name });
  }
}

/** The first bytes, enough to tell by them what it is. */
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
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}
