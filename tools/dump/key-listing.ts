// The listing of a memcached server's keys: by its LRU crawler (`lru_crawler metadump`), otherwise by `stats
// cachedump`, which old servers have and which shows only a part of the keys. The hash table is walked first: a walk
// along the LRU lists misses keys that memcached moves from one list to another meanwhile (122 of a million, right
// after they were stored).
//
// Invariant: keys that a listing leaves out are counted, and the user gets the count.

import { setTimeout } from 'node:timers/promises';

import { EXIT } from '../../src/exit-codes.js';
import { quotedKey } from '../../src/printable.js';
import type { Connection } from '../client/connection.js';
import { keyOfRow } from '../client/listing.js';
import { ToolError } from '../terminal/program.js';
import { formatCount } from '../terminal/quantity.js';
import type { KeySpool, ListedKey } from './key-spool.js';

/** The crawler of a memcached does other work for a moment now and then. */
const BUSY_WAIT_MS = 200;
const BUSY_WAITS_MAX = 150;

/**
 * Spools the keys that begin with `prefix`. Resolves with a note for the user about keys that were left out;
 * undefined when none were.
 */
export async function listKeys(
  connection: Connection,
  prefix: Buffer,
  spool: KeySpool,
): Promise<string | undefined> {
  const take = async (listed: ListedKey): Promise<void> => {
    if (listed.key.subarray(0, prefix.length).equals(prefix)) await spool.add(listed);
  };
  if ((await metadumpInTurn(connection, 'hash', take)) === 'END') return undefined;
  const answer = await metadumpInTurn(connection, 'all', take);
  return answer === 'END' ? undefined : cachedump(connection, answer, take);
}

/** Runs metadump() as soon as the crawler has time for it. */
async function metadumpInTurn(
  connection: Connection,
  walk: 'hash' | 'all',
  take: (listed: ListedKey) => Promise<void>,
): Promise<string> {
  for (let waits = 0; waits < BUSY_WAITS_MAX; waits += 1) {
    const answer = await metadump(connection, walk, take);
    if (!answer.startsWith('BUSY')) return answer;
    await setTimeout(BUSY_WAIT_MS);
  }
  throw new ToolError(
    EXIT.unreachable,
    'The LRU crawler of the server has been busy for 30 s: try again',
  );
}

/** Resolves with the last line: `END`, or the reason why there is no listing. */
async function metadump(
  connection: Connection,
  walk: 'hash' | 'all',
  take: (listed: ListedKey) => Promise<void>,
): Promise<string> {
  let isListing = false;
  for await (const line of connection.lines(Buffer.from(`lru_crawler metadump ${walk}\r\n`))) {
    const key = keyOfRow(line);
    if (key !== undefined) {
      await take({ key, ...metadumpFields(line) });
      isListing = true;
    } else if (line !== 'OK') {
      const last = refused(line);
      if (last === 'END' || !isListing) return last;
      throw new ToolError(EXIT.io, `The server broke off its listing: ${last}`);
    }
  }
  return 'END';
}

/** Reads a line like `key=… exp=-1 la=… cas=… fetch=no cls=1 size=63`. */
function metadumpFields(line: string): { bytes: number; expiresAtSeconds: number } {
  const expiry = Number(/ exp=(-?\d+)/.exec(line)?.[1] ?? 0);
  const bytes = Number(/ size=(\d+)/.exec(line)?.[1] ?? 0);
  return { bytes, expiresAtSeconds: Math.max(0, expiry) };
}

async function cachedump(
  connection: Connection,
  why: string,
  take: (listed: ListedKey) => Promise<void>,
): Promise<string | undefined> {
  const { rows, last } = await connection.request([Buffer.from('stats items\r\n')], 'reply');
  if (last !== 'END') throw listsNone(why, last);
  const classes = rows
    .map((row) => /^STAT items:(\d+):number (\d+)$/.exec(row))
    .filter((match) => match !== null);
  const now = await serverSeconds(connection);
  let [held, listed] = [0, 0];
  for (const [, id, number] of classes) {
    held += Number(number);
    for await (const line of connection.lines(Buffer.from(`stats cachedump ${id} 0\r\n`))) {
      const [, key, bytes, seconds] = /^ITEM (.+) \[(\d+) b; (\d+) s\]$/.exec(line) ?? [];
      if (key === undefined) {
        if (refused(line) === 'END') break;
        throw listsNone(why, line);
      }
      // An item that never expires has 0 or the time at which the server started. Items that have expired are not
      // listed.
      const expiresAtSeconds = Number(seconds) <= now ? 0 : Number(seconds);
      await take({ key: Buffer.from(key, 'latin1'), bytes: Number(bytes), expiresAtSeconds });
      listed += 1;
    }
  }
  if (listed >= held) return undefined;
  return (
    `the server has no LRU crawler, and its stats cachedump listed ${formatCount(listed)} of ` +
    `${formatCount(held)} keys: it shows the keys that fit into 2 MiB per slab class, and a new memcached cold ones only`
  );
}

/** Returns the server's clock, in Unix seconds. */
export async function serverSeconds(connection: Connection): Promise<number> {
  const { rows } = await connection.request([Buffer.from('stats\r\n')], 'reply');
  const time = rows.map((row) => /^STAT time (\d+)$/.exec(row)?.[1]).find((text) => text);
  return time === undefined ? Math.floor(Date.now() / 1000) : Number(time);
}

/** Returns the failure. A SERVER_ERROR may pass: for example, a shard of the cluster behind the server is down. */
function listsNone(why: string, line: string): ToolError {
  const mayPass = [why, line].some((answer) => answer.startsWith('SERVER_ERROR'));
  const code = mayPass ? EXIT.unreachable : EXIT.usage;
  const next = mayPass ? '; see its log, and try again' : '';
  return new ToolError(code, `The server lists no keys: ${why}, ${line}${next}`);
}

/** Returns the line when a server may send it instead of a key. */
function refused(line: string): string {
  if (line.endsWith('unauthenticated')) {
    const next = 'give --user and --password-file';
    throw new ToolError(EXIT.noPermission, `The server wants a login: ${next}`);
  }
  if (/^(?:END|BUSY|BADCLASS|ERROR|CLIENT_ERROR|SERVER_ERROR)\b/.test(line)) return line;
  throw new ToolError(
    EXIT.protocol,
    `What the server lists is not a key: ${quotedKey(Buffer.from(line.slice(0, 60), 'latin1'))}`,
  );
}
