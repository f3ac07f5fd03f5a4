// The values of listed keys, asked for in windows of one round trip each. Meta get can name every key, and gives
// flags, expiry and CAS token too. Without it the values come by `gets`, and the expiry is the one of the listing.
//
// Invariant: memory holds one window, bounded by the sizes in the listing.

import { KEY_BYTES_MAX_DEFAULT, INLINE_VALUE_BYTES_MAX } from '../../src/limits.js';
import { EXIT } from '../../src/exit-codes.js';
import type { SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import type { LargeValue, Value } from '../../src/store/store.js';
import type { Connection } from '../client/connection.js';
import { isPlainKey, wordOfKey } from '../client/key-word.js';
import type { Reply } from '../client/reply-reader.js';
import { ToolError } from '../terminal/program.js';
import type { ListedKey } from './key-spool.js';

const WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOW_KEYS = 250;
/** Old servers end a connection whose line is longer than 2,048 bytes, unless the line is a get. */
const GETS_LINE_BYTES = 2000;

/** The commands that a server understands. */
export type Dialect =
  | { readonly kind: 'meta'; readonly withoutBump: boolean }
  /** `aheadMs` is how far the server's clock is ahead of ours. */
  | { readonly kind: 'classic'; readonly aheadMs: number };

interface Window {
  readonly items: readonly SnapshotItem[];
  /** The number of keys that no request of this dialect can name. */
  readonly unnamed: number;
}

/** Groups keys so that the values of a group fit in memory. */
export async function* windowsOf(keys: AsyncIterable<ListedKey>): AsyncGenerator<ListedKey[]> {
  let window: ListedKey[] = [];
  let bytes = 0;
  for await (const listed of keys) {
    window.push(listed);
    bytes += listed.bytes;
    if (window.length < WINDOW_KEYS && bytes < WINDOW_BYTES) continue;
    yield window;
    [window, bytes] = [[], 0];
  }
  if (window.length > 0) yield window;
}

/** Returns the items of a window that still exist. Throws a ToolError when the server fails. */
export async function readWindow(
  connection: Connection,
  dialect: Dialect,
  keys: readonly ListedKey[],
  keysOnly: boolean,
): Promise<Window> {
  if (dialect.kind === 'meta') return readByMeta(connection, dialect.withoutBump, keys, keysOnly);
  const named = keys.filter(({ key }) => isPlainKey(key) && key.length <= KEY_BYTES_MAX_DEFAULT);
  const items: SnapshotItem[] = [];
  for (const line of linesOf(named)) {
    const read = await readByGets(connection, dialect.aheadMs, line);
    items.push(...(keysOnly ? read.map((item) => ({ ...item, value: undefined })) : read));
  }
  return { items, unnamed: keys.length - named.length };
}

async function readByMeta(
  connection: Connection,
  withoutBump: boolean,
  keys: readonly ListedKey[],
  keysOnly: boolean,
): Promise<Window> {
  const flags = `f t c${keysOnly ? '' : ' v'}${withoutBump ? ' u' : ''}`;
  const requests = keys.map(({ key }, at) => {
    const base64 = isPlainKey(key) ? '' : ' b';
    return `mg ${wordOfKey(key)}${base64} ${flags} O${at}\r\n`;
  });
  const reply = await connection.request([Buffer.from(requests.join(''), 'latin1')], 'barrier');
  const refusals = reply.rows.filter((row) => !/^(?:EN|HD)(?: |$)/.test(row));
  requireServed(reply, refusals);
  // Servers count whole seconds. Counted from the beginning of the present second, an expiry is within a second of
  // the server's own, and a whole second. So a load through another server does not round it again.
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  const found = keysOnly
    ? reply.rows
        .filter((row) => row.startsWith('HD '))
        .map((row) => ({ returned: row.split(' ').slice(1), value: undefined }))
    : reply.items;
  const items = found.map(({ returned, value }) => {
    const said = (flag: string): string | undefined =>
      returned.find((word) => word.startsWith(flag))?.slice(1);
    const ttlSeconds = Number(said('t') ?? -1);
    return {
      key: keys[Number(said('O'))]!.key,
      flags: Number(said('f') ?? 0),
      cas: BigInt(said('c') ?? 0),
      expiresAt: ttlSeconds < 0 ? 0 : nowMs + ttlSeconds * 1000,
      value: value === undefined ? undefined : asValue(value),
    };
  });
  return { items, unnamed: refusals.length };
}

/**
 * A key that is too long for a request gets a refusal of its own, which is accepted. Any other refusal is a failure.
 */
function requireServed({ last }: Reply, refusals: readonly string[]): void {
  const failed = refusals.find((row) => !row.startsWith('CLIENT_ERROR'));
  if (failed !== undefined)
    throw new ToolError(EXIT.io, `The server refused a meta get: ${failed}`);
  if (last !== 'MN') throw new ToolError(EXIT.protocol, `The server refused a meta get: ${last}`);
}

function* linesOf(keys: readonly ListedKey[]): Generator<ListedKey[]> {
  let line: ListedKey[] = [];
  let bytes = 0;
  for (const listed of keys) {
    if (bytes + listed.key.length >= GETS_LINE_BYTES) {
      yield line;
      [line, bytes] = [[], 0];
    }
    line.push(listed);
    bytes += listed.key.length + 1;
  }
  if (line.length > 0) yield line;
}

async function readByGets(
  connection: Connection,
  aheadMs: number,
  keys: readonly ListedKey[],
): Promise<SnapshotItem[]> {
  const words = keys.map(({ key }) => key.toString('latin1'));
  const request = Buffer.from(`gets ${words.join(' ')}\r\n`, 'latin1');
  const { items, last } = await connection.request([request], 'reply');
  if (last !== 'END') throw new ToolError(EXIT.io, `The server refused a get: ${last}`);
  // Items come in the order in which their keys were asked for.
  let at = 0;
  return items.map(({ key, flags, cas, value }) => {
    while (at < keys.length && keys[at]!.key.toString('utf8') !== key) at += 1;
    const listed = keys[at];
    if (listed === undefined)
      throw new ToolError(EXIT.protocol, 'The server sent a key that nobody asked for');
    at += 1;
    const expiresAtMs = listed.expiresAtSeconds * 1000 - aheadMs;
    return {
      key: listed.key,
      flags,
      cas: BigInt(cas ?? 0),
      expiresAt: listed.expiresAtSeconds === 0 ? 0 : expiresAtMs,
      value: asValue(value),
    };
  });
}

/** Values that a dump always has in base64 are composed piece by piece. */
function asValue(value: Buffer): Value {
  if (value.length <= INLINE_VALUE_BYTES_MAX) return value;
  const large: LargeValue = {
    bytes: value.length,
    read: (target, position) => Promise.resolve(value.copy(target, 0, position)),
    release: () => {},
  };
  return large;
}
