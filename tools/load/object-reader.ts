// The entries of ndjson with named columns: one JSON object per line, whose fields --columns names (docs/tools.md,
// "Tables").

import { isUtf8 } from 'node:buffer';

import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import type { Column } from '../table/columns.js';
import type { EntryReader } from './entry-source.js';
import { entryOfCells, refuseRow, requireKeyAndValue, type RowPlace } from './table-row.js';

const LINE_FEED = 0x0a;

export class ObjectReader implements EntryReader {
  readonly #name: string;
  readonly #columns: readonly Column[];
  #line = 0;

  constructor(name: string, columns: readonly Column[]) {
    this.#name = name;
    this.#columns = columns;
  }

  get place(): string {
    return `Line ${this.#line}`;
  }

  async *entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<SnapshotEntry> {
    requireKeyAndValue({ ...this.#row(), line: 1 }, []);
    for await (const line of linesOf(chunks)) {
      this.#line += 1;
      if (!isUtf8(line)) refuseRow(this.#row(), 'it is not valid UTF-8');
      const text = line.toString('utf8').replace(/^\ufeff/, '');
      if (text.trim() !== '') yield this.#entry(text);
    }
  }

  #entry(text: string): SnapshotEntry {
    const object = this.#object(text);
    const cells = this.#columns.map(({ field, name }) => [field, object[name]]);
    return entryOfCells(Object.fromEntries(cells), this.#row());
  }

  #object(text: string): Record<string, unknown> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error: unknown) {
      refuseRow(this.#row(), `it is not JSON: ${(error as Error).message}`);
    }
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
    return refuseRow(this.#row(), 'it is not a JSON object');
  }

  #row(): RowPlace {
    return { path: this.#name, line: this.#line, columns: this.#columns };
  }
}

/** Yields lines without their ends; the last line may lack its end. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      yield Buffer.concat([...pieces, rest.subarray(0, end)]);
      pieces = [];
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) pieces.push(Buffer.from(rest));
  }
  if (pieces.length > 0) yield Buffer.concat(pieces);
}
