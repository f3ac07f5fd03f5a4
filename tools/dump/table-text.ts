// Entries as rows of a table with chosen columns: CSV with a header line, or one JSON object per line (docs/tools.md,
// "Tables").
//
// Invariant: no byte is changed or lost silently. Bytes that are not printable text become base64, and the column of
// the encoding says so. Without that column the entry is refused, with its key.

import { isUtf8 } from 'node:buffer';

import { EXIT } from '../../src/exit-codes.js';
import { isPrintableText, jsonLine, quotedKey } from '../../src/printable.js';
import { MIB } from '../../src/limits.js';
import type { SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import type { LargeValue, Value } from '../../src/store/store.js';
import type { Column, Field } from '../table/columns.js';
import { ToolError } from '../terminal/program.js';
import { formatBytes } from '../terminal/quantity.js';

export type TableForm = 'csv' | 'ndjson';

/** A row is made as one string, base64 included. */
const VALUE_BYTES_MAX = 128 * MIB;
const CHUNK_CHARACTERS = 256 * 1024;
const ROWS = 500;

type Cell = string | number | null;

/**
 * Yields the text in chunks that the consumer owns. Throws a ToolError with 64 for an entry that the columns cannot
 * hold.
 */
export async function* composeTable(
  form: TableForm,
  columns: readonly Column[],
  items: AsyncIterable<SnapshotItem>,
): AsyncGenerator<Buffer> {
  const compose = form === 'csv' ? await csvComposer() : composeObjects;
  const names = columns.map(({ name }) => name);
  const fields = new Set(columns.map(({ field }) => field));
  let rows: Cell[][] = form === 'csv' ? [names] : [];
  let characters = 0;
  for await (const item of items) {
    const cells = await cellsOf(form, fields, item);
    rows.push(columns.map(({ field }) => cells[field]));
    characters += String(cells.value ?? '').length + 1;
    if (rows.length < ROWS && characters < CHUNK_CHARACTERS) continue;
    yield Buffer.from(compose(names, rows));
    [rows, characters] = [[], 0];
  }
  yield Buffer.from(compose(names, rows));
}

async function csvComposer(): Promise<(names: readonly string[], rows: Cell[][]) => string> {
  const { stringify } = await import('csv-stringify/sync');
  // Quotes distinguish an empty text from a missing value.
  return (_, rows) => stringify(rows, { quoted_empty: true });
}

function composeObjects(names: readonly string[], rows: readonly Cell[][]): string {
  const objects = rows.map((row) => Object.fromEntries(row.map((cell, at) => [names[at], cell])));
  return objects.map((object) => `${jsonLine(object)}\n`).join('');
}

async function cellsOf(
  form: TableForm,
  fields: ReadonlySet<Field>,
  item: SnapshotItem,
): Promise<Record<Field, Cell>> {
  const { flags, expiresAt, cas } = item;
  const text = (bytes: Buffer, encodingField: 'keyEncoding' | 'encoding'): [string, string] => {
    const encoding = isText(form, bytes) ? 'utf8' : 'base64';
    if (encoding === 'base64' && !fields.has(encodingField)) {
      const what = encodingField === 'encoding' ? 'The value of' : 'The key';
      const why = `${what} ${quotedKey(item.key)} is no printable text`;
      throw new ToolError(EXIT.usage, `${why}: --columns needs ${encodingField} to say base64`);
    }
    return [bytes.toString(encoding), encoding];
  };
  const [key, keyEncoding] = fields.has('key') ? text(item.key, 'keyEncoding') : ['', ''];
  const bytes = await bytesOf(item.key, item.value);
  const [value, encoding] = fields.has('value') ? text(bytes, 'encoding') : ['', ''];
  return {
    key,
    keyEncoding,
    value,
    encoding,
    flags,
    expiresAt: expiresAt === 0 ? null : expiresAt,
    cas: cas <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(cas) : String(cas),
  };
}

/**
 * JSON can escape every character. In a CSV, characters stand as they are, and spreadsheets and terminals read them.
 */
function isText(form: TableForm, bytes: Buffer): boolean {
  return isUtf8(bytes) && (form === 'ndjson' || isPrintableText(bytes.toString('utf8')));
}

async function bytesOf(key: Buffer, value: Value | undefined): Promise<Buffer> {
  if (value === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(value)) return value;
  try {
    return await readWhole(key, value);
  } finally {
    value.release();
  }
}

async function readWhole(key: Buffer, value: LargeValue): Promise<Buffer> {
  if (value.bytes > VALUE_BYTES_MAX) {
    const size = `${quotedKey(key)} has ${formatBytes(value.bytes)}`;
    const limit = `a table holds values of up to ${formatBytes(VALUE_BYTES_MAX)}`;
    throw new ToolError(EXIT.usage, `The value of ${size}, and ${limit}: use --format json`);
  }
  const whole = Buffer.alloc(value.bytes);
  for (let at = 0; at < whole.length;) at += await value.read(whole.subarray(at), at);
  return whole;
}
