// Makes an entry of a dump from a row of a table: CSV, or ndjson with named columns (docs/tools.md, "Tables"). Pure.
//
// Invariant: a refusal names the line, the column as the table calls it, and what is wrong.

import { KvError } from '../../src/errors.js';
import { jsonLine } from '../../src/printable.js';
import { entryOfFields, type SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import type { Column, Field } from '../table/columns.js';

/** A date needs its zone, so that the same row means the same everywhere. */
const DATE = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** A smaller number of milliseconds is a time before 1974, so it is meant as seconds. */
const MS_MIN = 2 ** 37;

/** The cells of a row by field; undefined where the row has none. */
type Cells = Readonly<Partial<Record<Field, unknown>>>;

export interface RowPlace {
  /** The path of the file, or the name of stdin. */
  readonly path: string;
  readonly line: number;
  readonly columns: readonly Column[];
}

/** Throws KV_CORRUPTION for a row that is no entry. */
export function entryOfCells(cells: Cells, place: RowPlace): SnapshotEntry {
  const { key, value, ...rest } = cells;
  if (value === undefined || value === null) refuseRow(place, 'its value is missing', 'value');
  for (const [field, cell] of [
    ['key', key],
    ['value', value],
  ] as const) {
    if (!isRounded(cell)) continue;
    refuseRow(place, 'a number over 2^53 is not read exactly: write it in quotes', field);
  }
  requireTime(rest.expiresAt, place);
  const numbers = { flags: numberOf(rest.flags), expiresAt: timeOf(rest.expiresAt) };
  const fields = { key: textOf(key), value: textOf(value), ...rest, ...numbers };
  return entryOfFields(fields, (message, field) => refuseRow(place, message, field));
}

export function refuseRow(
  { path, line, columns }: RowPlace,
  message: string,
  field?: string,
): never {
  const name = columns.find((column) => column.field === field)?.name;
  const column = name === undefined ? '' : `, column ${jsonLine(name)}`;
  throw new KvError('KV_CORRUPTION', `Line ${line}${column}: ${message}`, { path });
}

/** Throws KV_CORRUPTION when a table of these columns has no keys or no values. */
export function requireKeyAndValue(place: RowPlace, names: readonly string[]): void {
  for (const field of ['key', 'value'] as const) {
    if (place.columns.some((column) => column.field === field)) continue;
    const there = names.length === 0 ? '' : ` (there are ${names.map(jsonLine).join(', ')})`;
    const next = 'name the columns with --columns key=…,value=…';
    refuseRow(place, `No column is the ${field}${there}: ${next}`);
  }
}

/** Any JSON value other than a text becomes its JSON text. */
function textOf(cell: unknown): unknown {
  return typeof cell === 'string' || cell === undefined || cell === null ? cell : jsonLine(cell);
}

/** Checks for a number that parsing may have rounded, at any depth: two ids would become one key. */
function isRounded(cell: unknown): boolean {
  if (typeof cell === 'number') return Math.abs(cell) > Number.MAX_SAFE_INTEGER;
  return typeof cell === 'object' && cell !== null && Object.values(cell).some(isRounded);
}

function numberOf(cell: unknown): unknown {
  return typeof cell === 'string' && /^\d{1,16}$/.test(cell) ? Number(cell) : cell;
}

/** Returns Unix ms, given as a number as in dumps, or as a date. */
function timeOf(cell: unknown): unknown {
  return typeof cell === 'string' && isDate(cell) ? Date.parse(cell) : numberOf(cell);
}

/** Throws KV_CORRUPTION for text that is no time, and for Unix seconds: as milliseconds they would be of 1970. */
function requireTime(cell: unknown, place: RowPlace): void {
  const time = timeOf(cell);
  const form = `a Unix time in milliseconds, or a date such as 2030-01-01T00:00:00Z`;
  if (typeof time === 'string' && time !== '')
    refuseRow(place, `an expiry is ${form}`, 'expiresAt');
  if (typeof time === 'number' && time > 0 && time < MS_MIN)
    refuseRow(place, `this looks like a Unix time in seconds: an expiry is ${form}`, 'expiresAt');
}

/** JavaScript reads the 31st of a shorter month as a day of the next month. */
function isDate(text: string): boolean {
  const [, year, month, day] = DATE.exec(text) ?? [];
  if (day === undefined) return false;
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
}
