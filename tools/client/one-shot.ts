// The commands of `kv-client <command>`: each sends one request, prints what a script needs, and ends with a code
// that tells the result (docs/errors.md, "Exit codes").

import { isUtf8 } from 'node:buffer';
import { setTimeout } from 'node:timers/promises';

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { KEY_BYTES_MAX_DEFAULT } from '../../src/limits.js';
import { jsonLine, printable, printableKey } from '../../src/printable.js';
import { writeAll, writeForeign } from '../terminal/output.js';
import { ToolError } from '../terminal/program.js';
import { countOf } from '../terminal/quantity.js';
import type { Mode } from './command-table.js';
import type { Connection } from './connection.js';
import { groupStats, keyFilter, keyOfRow } from './listing.js';
import { codeOf } from './reply-code.js';
import type { Reply, ReplyItem } from './reply-reader.js';
import { announcedBytes, isPlain, replyKind } from './typed-line.js';
import { composeLine, lineFault } from './words.js';

export interface GetOptions {
  readonly json?: boolean;
  readonly long?: boolean;
  readonly touch?: string;
}

export interface StoreOptions {
  readonly flags: string;
  readonly exptime: string;
}

const END_OF_LINE = Buffer.from('\r\n');

/** Prints the value alone for one key, and the server's words for several. Returns 1 when any key is missing. */
export async function get(
  connection: Connection,
  mode: Mode,
  keys: readonly string[],
  options: GetOptions,
): Promise<ExitCode> {
  const withCas = options.json === true;
  const verb = options.touch === undefined ? (withCas ? 'gets' : 'get') : withCas ? 'gats' : 'gat';
  const words = [verb, ...(options.touch === undefined ? [] : [options.touch]), ...keys];
  const reply = accepted(await request(connection, words));
  const { stdout } = process;
  if (options.json === true) {
    for (const item of reply.items) {
      const ttl = await ttlOf(connection, item.key);
      await writeAll(stdout, `${jsonOf(item, ttl)}\n`);
    }
  } else if (options.long === true || keys.length > 1) {
    for (const piece of reply.raw) await writeForeign(stdout, piece);
  } else if (reply.items[0] !== undefined) {
    await writeForeign(stdout, reply.items[0].value);
    // Pipes and files get the exact bytes; on a terminal the prompt should not stick to the value.
    if (stdout.isTTY) await writeAll(stdout, '\n');
  }
  if (mode === 'tcp' && reply.items.length === 0) await writeAll(process.stderr, 'Not-Exists\n');
  return reply.items.length === keys.length ? EXIT.ok : EXIT.notFound;
}

/** Prints the seconds to live of each key, -1 for ever; with several keys, each number follows its key. */
export async function ttl(connection: Connection, keys: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  for (const key of keys) {
    const { last } = accepted(await request(connection, ['mg', key, 't']));
    const seconds = /^HD t(-?\d+)/.exec(last)?.[1];
    if (seconds === undefined) code = EXIT.notFound;
    else await writeAll(process.stdout, `${keys.length > 1 ? `${key} ` : ''}${seconds}\n`);
  }
  return code;
}

/** Returns undefined where the server has no meta commands. */
async function ttlOf(connection: Connection, key: string): Promise<number | undefined> {
  const { last } = await request(connection, ['mg', key, 't']);
  const seconds = /^HD t(-?\d+)/.exec(last)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** Runs set, add, replace, append, prepend, and cas with its token. */
export async function store(
  connection: Connection,
  mode: Mode,
  verb: string,
  key: string,
  value: Buffer,
  options: StoreOptions,
  cas?: string,
): Promise<ExitCode> {
  await requireLongKey(connection, key);
  const words = isPlain(verb, mode)
    ? [verb, key, String(value.length), ...(options.flags === '0' ? [] : [options.flags])]
    : [verb, key, options.flags, options.exptime, String(value.length)];
  if (isPlain(verb, mode) && options.exptime !== '0') {
    throw new ToolError(EXIT.usage, 'The plain dialect (tcp) has no --exptime: use memcached');
  }
  if (cas !== undefined) words.push(cas);
  return finish(await connection.request([composeLine(words), value, END_OF_LINE], 'reply'));
}

/**
 * Asks the server first whether it takes such a key: memcached does not skip the value behind a key that is too long,
 * but reads it as commands.
 */
async function requireLongKey(connection: Connection, key: string): Promise<void> {
  if (Buffer.byteLength(key) > KEY_BYTES_MAX_DEFAULT)
    accepted(await request(connection, ['mg', key]));
}

/** Runs delete, touch, flush_all and verbosity, and prints the server's answer. */
export async function simple(connection: Connection, words: readonly string[]): Promise<ExitCode> {
  return finish(await request(connection, words));
}

/** Deletes each key; returns 1 when any did not exist. */
export async function remove(connection: Connection, keys: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  let deleted = 0;
  for (const key of keys) {
    const one = await finish(await request(connection, ['delete', key]));
    if (one === EXIT.ok) deleted += 1;
    else code = one;
  }
  if (keys.length > 1) await writeAll(process.stderr, `${countOf(deleted, 'key')} deleted\n`);
  return code;
}

/** Deletes the keys with a prefix, and prints how many there were if the server lists its keys. */
export async function removePrefix(connection: Connection, prefix: string): Promise<ExitCode> {
  const { rows, last } = await request(connection, ['lru_crawler', 'metadump', 'all']);
  const begins = (key: Buffer | undefined): boolean =>
    key?.subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix)) === true;
  const count = rows.map(keyOfRow).filter(begins).length;
  const code = await finish(await request(connection, ['delete_prefix', prefix]));
  if (code === EXIT.ok && last === 'END')
    await writeAll(process.stderr, `${countOf(count, 'key')} deleted\n`);
  return code;
}

/** Prints the events of the server until the server or the user ends the command. */
export async function watch(connection: Connection, names: readonly string[]): Promise<ExitCode> {
  connection.onUnasked = (bytes) => void writeForeign(process.stdout, bytes);
  accepted(await request(connection, ['watch', ...names]));
  await connection.ended();
  throw new ToolError(EXIT.unreachable, 'The server closed the connection');
}

/** Prints the version alone. */
export async function version(connection: Connection): Promise<ExitCode> {
  const reply = accepted(await request(connection, ['version']));
  await writeAll(process.stdout, `${printable(reply.last.replace(/^VERSION /, ''))}\n`);
  return EXIT.ok;
}

/** Prints a table on a terminal, the server's words elsewhere, and one JSON object with --json. */
export async function stats(
  connection: Connection,
  words: readonly string[],
  json: boolean,
): Promise<ExitCode> {
  const reply = accepted(await request(connection, ['stats', ...words]));
  const pairs = reply.rows.map((row) => /^STAT (\S+) ?(.*)$/.exec(row)).filter((m) => m !== null);
  if (json) {
    const entries = pairs.map(([, name = '', value = '']) => [name, value]);
    await writeAll(process.stdout, `${jsonLine(Object.fromEntries(entries))}\n`);
  } else if (process.stdout.isTTY && pairs.length > 0) {
    const { renderTable } = await import('../terminal/table.js');
    const rows = pairs.map(
      ([, name = '', value = '']) => [printable(name), printable(value)] as const,
    );
    // Groups help only with the general counters, which are many.
    const table =
      words.length > 0
        ? await renderTable(rows, ['name', 'value'])
        : await renderTable(groupStats(rows), ['', 'name', 'value']);
    await writeAll(process.stdout, `${table}\n`);
  } else {
    for (const piece of reply.raw) await writeForeign(process.stdout, piece);
  }
  return EXIT.ok;
}

/** Prints `stats` again and again until the user ends the command. */
export async function statsEvery(
  connection: Connection,
  words: readonly string[],
  json: boolean,
  everyMs: number,
): Promise<never> {
  for (;;) {
    await stats(connection, words, json);
    await setTimeout(everyMs);
  }
}

/** Prints the keys of the server that match a pattern, one per line, whatever bytes they hold. */
export async function listKeys(connection: Connection, pattern: string): Promise<ExitCode> {
  const fits = keyFilter(pattern);
  const reply = accepted(await request(connection, ['lru_crawler', 'metadump', 'all']));
  for (const row of reply.rows) {
    const key = keyOfRow(row);
    if (key !== undefined && fits(key)) await writeAll(process.stdout, `${printableKey(key)}\n`);
  }
  return EXIT.ok;
}

/** Sends the line unchanged, with the value after it if there is one, and prints the whole reply. */
export async function raw(
  connection: Connection,
  words: readonly string[],
  value: Buffer | undefined,
): Promise<ExitCode> {
  const line = words.join(' ');
  const fault = lineFault(line);
  if (fault !== undefined) throw new ToolError(EXIT.usage, fault);
  const typed = line.split(/ +/).filter((word) => word !== '');
  if (typed[0] === 'watch') return watch(connection, typed.slice(1));
  requireValue(announcedBytes(typed), value);
  const pieces = [Buffer.from(`${line}\r\n`), ...(value === undefined ? [] : [value, END_OF_LINE])];
  const kind = replyKind(typed);
  const reply = await connection.request(pieces, kind);
  for (const piece of reply.raw) await writeForeign(process.stdout, piece);
  // A miss of meta get ends in the same way as a listing.
  return kind === 'listing' && reply.last === 'EN' ? EXIT.ok : codeOf(reply.last);
}

/** With a value longer or shorter than announced, the server would read its bytes as commands, or wait for more. */
function requireValue(announced: number | undefined, value: Buffer | undefined): void {
  if (announced === value?.length) return;
  const wrong =
    announced === undefined
      ? 'This command has no value'
      : value === undefined
        ? `The command announces a value of ${announced} bytes: give it with --value`
        : `The value has ${value.length} bytes, and ${announced} were announced`;
  throw new ToolError(EXIT.usage, `${wrong}: nothing was sent`);
}

/** Sends words that are all checked. A key named `noreply` is still a key, so each request gets a reply. */
function request(connection: Connection, words: readonly string[]): Promise<Reply> {
  const kind = words[0] === 'lru_crawler' ? 'listing' : 'reply';
  return connection.request([composeLine(words)], kind);
}

/** Prints the last line: results go to stdout, refusals to stderr. */
async function finish(reply: Reply): Promise<ExitCode> {
  accepted(reply);
  const code = codeOf(reply.last);
  await writeAll(code === EXIT.ok ? process.stdout : process.stderr, `${printable(reply.last)}\n`);
  return code;
}

function accepted(reply: Reply): Reply {
  const code = codeOf(reply.last);
  if (code === EXIT.ok || code === EXIT.notFound) return reply;
  throw new ToolError(code, reply.last);
}

function jsonOf(item: ReplyItem, ttl: number | undefined): string {
  const { key, flags, cas } = item;
  const encoding = isUtf8(item.value) ? 'utf8' : 'base64';
  return jsonLine({ key, value: item.value.toString(encoding), encoding, flags, cas, ttl });
}
