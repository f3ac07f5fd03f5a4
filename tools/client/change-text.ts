// A change as kv-client shows it to people: one line, whatever bytes keys and values hold.

import { printable, printableKey } from '../../src/printable.js';
import { formatBytes } from '../terminal/quantity.js';
import type { FeedLine } from './feed.js';

const VALUE_CHARACTERS = 60;

/** The part of a value that is shown: none, its beginning, or all. */
type ValueShow = 'none' | 'cut' | 'whole';

/** Returns a line like `1042  2026-11-29T08:53:50.387Z  put  greeting  5 B  flags 7  "hello"`. */
export function changeText(line: FeedLine, showsKey: boolean, values: ValueShow): string {
  const { type, seq, time, reason } = line;
  const parts = [
    String(seq),
    timeText(time ?? 0),
    reason === undefined ? type : reasonText(reason),
  ];
  if (showsKey && line.key !== undefined) parts.push(keyText(line));
  else if (type === 'delete_prefix') parts.push(keyText(line));
  if (line.bytes !== undefined) parts.push(formatBytes(line.bytes));
  if (line.flags !== undefined && line.flags !== 0) parts.push(`flags ${line.flags}`);
  if (typeof line.expiresAt === 'number') parts.push(`expires ${timeText(line.expiresAt)}`);
  else if (type === 'touch') parts.push('never expires');
  if (typeof line.at === 'number') parts.push(`at ${timeText(line.at)}`);
  if (values !== 'none') parts.push(...valueTexts(line, values));
  return parts.join('  ');
}

/** Returns the bytes of a field. */
function bytesOf(text: string, encoding: 'utf8' | 'base64' | undefined): Buffer {
  return Buffer.from(text, encoding ?? 'utf8');
}

function reasonText(reason: string): string {
  return reason === 'deleted' ? 'delete' : `delete (${reason})`;
}

function keyText({ key = '', keyEncoding }: FeedLine): string {
  return printableKey(bytesOf(key, keyEncoding));
}

function valueTexts({ value, encoding, gone }: FeedLine, show: ValueShow): string[] {
  if (gone === true) return ['(its value is gone)'];
  if (value === undefined) return [];
  // The text is cut before any other work, because it may be long.
  const few = show === 'cut' ? value.slice(0, VALUE_CHARACTERS * 4) : value;
  const text = encoding === 'base64' ? printableKey(bytesOf(few, encoding)) : printable(few);
  const isCut = show === 'cut' && (text.length > VALUE_CHARACTERS || few.length < value.length);
  return [isCut ? `"${text.slice(0, VALUE_CHARACTERS)}…` : `"${text}"`];
}

function timeText(ms: number): string {
  return new Date(Math.min(ms, 8_640_000_000_000_000)).toISOString();
}
