// The entries of a dump that kv-dump wrote: JSON, or ndjson whose last line has count and checksum.

import { KvError } from '../../src/errors.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import { SnapshotParser } from '../../src/store/snapshot-file/parser.js';
import type { EntryReader } from './entry-source.js';

export class DumpReader implements EntryReader {
  readonly #name: string;
  readonly #partial: boolean;
  readonly #parser: SnapshotParser;

  /** `partial` is for ndjson whose lines were picked or put together: its last line is not required. */
  constructor(name: string, partial: boolean) {
    this.#name = name;
    this.#partial = partial;
    this.#parser = new SnapshotParser(name, { partial });
  }

  get place(): string {
    return `Line ${this.#parser.line}`;
  }

  /** Throws KV_CORRUPTION where the dump is damaged or incomplete. */
  async *entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<SnapshotEntry> {
    for await (const chunk of chunks) yield* this.#parser.push(chunk);
    yield* this.#parser.end();
    if (this.#parser.summary().isProved || this.#partial) return;
    const message =
      'The last line with count and checksum is missing: the dump is not complete. ' +
      'Lines that were picked or written by hand are taken with --partial';
    throw new KvError('KV_CORRUPTION', message, { path: this.#name });
  }
}
