// The entries of a CSV (RFC 4180) with a header line that names the columns (docs/tools.md, "Tables"). Messages name
// a row by the line on which it begins.

import { isUtf8 } from 'node:buffer';
import { Readable, pipeline } from 'node:stream';

import type { CsvError } from 'csv-parse';

import { KvError } from '../../src/errors.js';
import { jsonLine } from '../../src/printable.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import { ENTRY_FIELDS } from '../../src/store/snapshot-file/entry-fields.js';
import { isField, type Column, type Field } from '../table/columns.js';
import type { EntryReader } from './entry-source.js';
import { entryOfCells, refuseRow, requireKeyAndValue, type RowPlace } from './table-row.js';

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

interface Row {
  readonly record: readonly Buffer[];
  /** `lines` is the number of the last line of the row. */
  readonly info: { readonly lines: number };
}

export class CsvReader implements EntryReader {
  readonly #name: string;
  readonly #wanted: readonly Column[] | undefined;
  #line = 1;

  /** `wanted` is the value of --columns; without it the header holds the names of the fields. */
  constructor(name: string, wanted: readonly Column[] | undefined) {
    this.#name = name;
    this.#wanted = wanted;
  }

  get place(): string {
    return `Line ${this.#line}`;
  }

  async *entries(chunks: AsyncIterable<Buffer>): AsyncGenerator<SnapshotEntry> {
    const { parse } = await import('csv-parse');
    const parser = parse({
      // Fields are bytes: a field that is not valid UTF-8 is refused, and no byte is replaced. The option `bom` would
      // undo that.
      encoding: null,
      info: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n'],
    });
    // A failure of either stream comes out of the parser, which is read here.
    pipeline(Readable.from(withoutMark(chunks), { objectMode: false }), parser, () => undefined);
    let columns: ReadonlyMap<number, Column> | undefined;
    let linesBefore = 0;
    try {
      for await (const row of parser) {
        const { record, info } = row as Row;
        this.#line = linesBefore + 1;
        linesBefore = info.lines;
        if (columns === undefined) columns = this.#columnsOf(record);
        else yield this.#entry(record, columns);
      }
    } catch (error: unknown) {
      throw this.#asDamage(error);
    }
  }

  /** Returns the field of each column by its number. Throws KV_CORRUPTION for a header that does not fit. */
  #columnsOf(header: readonly Buffer[]): ReadonlyMap<number, Column> {
    const names = header.map((cell) => cell.toString('utf8'));
    const columns = new Map<number, Column>();
    for (const [at, name] of names.entries()) {
      const column = this.#columnNamed(name);
      if (names.indexOf(name) !== at && column !== undefined)
        this.#refuse(`There are two columns ${jsonLine(name)}`);
      if (column !== undefined) columns.set(at, column);
    }
    const found = [...columns.values()];
    for (const { name } of this.#wanted ?? []) {
      if (found.some((column) => column.name === name)) continue;
      this.#refuse(`There is no column ${jsonLine(name)} among ${names.map(jsonLine).join(', ')}`);
    }
    requireKeyAndValue(this.#row(found), names);
    return columns;
  }

  /** Returns undefined for a column that is left out. */
  #columnNamed(name: string): Column | undefined {
    if (this.#wanted !== undefined) return this.#wanted.find((column) => column.name === name);
    if (isField(name)) return { field: name, name };
    const next = 'name those to take, as --columns key=id,value=body';
    return this.#refuse(
      `The column ${jsonLine(name)} is none of ${ENTRY_FIELDS.join(', ')}: ${next}; others are left out then`,
    );
  }

  #entry(record: readonly Buffer[], columns: ReadonlyMap<number, Column>): SnapshotEntry {
    const place = this.#row([...columns.values()]);
    const cells: Partial<Record<Field, string>> = {};
    for (const [at, { field }] of columns) {
      const cell = record[at]!;
      if (!isUtf8(cell)) refuseRow(place, 'it is not valid UTF-8', field);
      // An empty text is a value. In any other column it means that the row has none.
      if (cell.length > 0 || field === 'key' || field === 'value') cells[field] = cell.toString();
    }
    return entryOfCells(cells, place);
  }

  #row(columns: readonly Column[]): RowPlace {
    return { path: this.#name, line: this.#line, columns };
  }

  #refuse(message: string): never {
    return refuseRow(this.#row([]), message);
  }

  #asDamage(error: unknown): unknown {
    const { code, lines } = error as Partial<CsvError> & { readonly lines?: number };
    if (typeof code !== 'string' || lines === undefined) return error;
    // The message of the library shows the field as an object with the number of each byte.
    const why =
      code === 'INVALID_OPENING_QUOTE'
        ? 'A quote stands inside a field that has none around it: "a ""quoted"" word"'
        : (error as Error).message;
    const message = `Line ${lines}: ${why}`;
    return new KvError('KV_CORRUPTION', message, { path: this.#name, cause: error });
  }
}

async function* withoutMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (head === undefined) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < BYTE_ORDER_MARK.length) continue;
      const isMarked = head.indexOf(BYTE_ORDER_MARK) === 0;
      yield isMarked ? head.subarray(BYTE_ORDER_MARK.length) : head;
      head = undefined;
    }
  }
  if (head !== undefined) yield head;
}
