// The lines of the change feed: each change is one JSON object on a line, in newline-delimited JSON or as a
// server-sent event. Names and encodings are those of the dump (docs/format.md, "JSON snapshot"; docs/feed.md).
//
// Invariants:
// - A line is whole, or the answer breaks off inside it. Whatever a client has read up to a line end is as it was
//   sent.
// - Memory does not depend on the size of a value: a large one is sent in pieces.

import { isUtf8 } from 'node:buffer';

import { jsonLine } from '../printable.js';
import type { Change } from '../store/change-log.js';
import type { LargeValue } from '../store/store.js';
import { composeCas, composeKey } from '../store/snapshot-file/format.js';

/** A multiple of 3, so that base64 needs no carry. */
const PIECE_BYTES = 192 * 1024;

export type LineForm = 'ndjson' | 'events';

/**
 * Returns the whole line of a change. For a large value the line stops before its value, and `largeValuePieces` gives
 * the rest.
 */
export function changeLine(change: Change, form: LineForm, hasValues: boolean): string {
  const { value, type, seq } = change;
  const head = lineStart(form, seq) + changeHead(change);
  if (type !== 'put' || !hasValues) return `${head}}${lineEnd(form)}`;
  if (value === undefined) return `${head},"gone":true}${lineEnd(form)}`;
  if (!Buffer.isBuffer(value)) return `${head},"encoding":"base64","value":"`;
  const encoding = isUtf8(value) ? 'utf8' : 'base64';
  const text = jsonLine(value.toString(encoding));
  return `${head},"encoding":"${encoding}","value":${text}}${lineEnd(form)}`;
}

/** Yields the rest of the line of a change with a large value. Throws KvError where the value is damaged. */
export async function* largeValuePieces(value: LargeValue, form: LineForm): AsyncGenerator<string> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, value.bytes));
  for (let position = 0; position < value.bytes;) {
    const count = await value.read(piece, position);
    position += count;
    yield piece.toString('base64', 0, count);
  }
  yield `"}${lineEnd(form)}`;
}

/** Returns a line that is not a change. Every change up to `seq` has been sent before it. */
export function noteLine(
  form: LineForm,
  seq: number,
  note: Readonly<Record<string, unknown>>,
): string {
  return `${lineStart(form, seq)}${jsonLine(note)}${lineEnd(form)}`;
}

function changeHead(change: Change): string {
  const { type, seq, timeMs, key, reason, expiresAt, flags, cas, valueBytes } = change;
  const head = `{"type":"${type}","seq":${seq},"time":${timeMs}`;
  if (type === 'flush') return `${head},"at":${timeText(expiresAt)}`;
  const named = `${head},${composeKey(key)}`;
  switch (type) {
    case 'put':
      return `${named},"flags":${flags},"expiresAt":${timeText(expiresAt)},"cas":${composeCas(cas)},"bytes":${valueBytes}`;
    case 'touch':
      return `${named},"expiresAt":${timeText(expiresAt)}`;
    case 'delete':
      return `${named},"reason":"${reason}"`;
    default:
      return named;
  }
}

function timeText(ms: number): string {
  return ms === 0 ? 'null' : String(ms);
}

/** The id of an event is the seq after which a client goes on. */
function lineStart(form: LineForm, seq: number): string {
  return form === 'events' ? `id: ${seq}\ndata: ` : '';
}

function lineEnd(form: LineForm): string {
  return form === 'events' ? '\n\n' : '\n';
}
