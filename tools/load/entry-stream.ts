// The entries of a dump, JSON or ndjson, from a file or stdin, with the bytes read so far.

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';

import {
  SnapshotParser,
  type SnapshotEntry,
  type SnapshotSummary,
} from '../../src/store/snapshot-file/parser.js';

const CHUNK_BYTES = 1024 * 1024;

export class EntryStream {
  readonly #name: string;
  readonly #source: Readable;
  readonly #parser: SnapshotParser;
  bytesRead = 0;

  /** `-` is stdin. */
  constructor(path: string) {
    this.#name = path === '-' ? 'stdin' : path;
    this.#source =
      path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    this.#parser = new SnapshotParser(this.#name);
  }

  /** Throws KV_CORRUPTION where the dump is damaged or incomplete, at the latest at its end. */
  async *entries(): AsyncGenerator<SnapshotEntry> {
    for await (const chunk of this.#source) {
      yield* this.#parser.push(chunk as Buffer);
      this.bytesRead += (chunk as Buffer).length;
    }
    yield* this.#parser.end();
  }

  summary(): SnapshotSummary {
    return this.#parser.summary();
  }
}
