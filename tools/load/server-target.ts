// Loads into a running server through the protocol. Meta commands can name every key (in base64 where it has spaces
// or control characters). They also carry the CAS token, where the server knows flag E. Quiet commands with a barrier
// behind each bundle make a bundle cost one round trip and one commit. When a command of a bundle is refused, all its
// commands are sent once more, one by one: storing twice changes nothing, and the reply then belongs to a key.
//
// Invariant: nothing is guessed. The server is asked for its abilities before the first entry, because it could read
// a value behind a refused line as commands.

import { randomBytes } from 'node:crypto';

import { EXIT } from '../../src/exit-codes.js';
import { KEY_BYTES_MAX_DEFAULT } from '../../src/limits.js';
import { quotedKey } from '../../src/printable.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import type { Connection } from '../client/connection.js';
import { isPlainKey, wordOfKey } from '../client/key-word.js';
import { ToolError } from '../terminal/program.js';
import { formatCount } from '../terminal/quantity.js';
import type { LoadTarget } from './load-target.js';

const BUNDLE_BYTES = 1024 * 1024;
const BUNDLE_ENTRIES = 500;
const END_OF_LINE = Buffer.from('\r\n');

interface Sent {
  readonly entry: SnapshotEntry;
  readonly place: string;
}

export class ServerTarget implements LoadTarget {
  readonly loss: string | undefined;
  stored = 0;
  readonly #connection: Connection;
  readonly #keepsCas: boolean;
  #bundle: Sent[] = [];
  #bytes = 0;

  private constructor(connection: Connection, keepsCas: boolean) {
    this.#connection = connection;
    this.#keepsCas = keepsCas;
    const cas = keepsCas ? '' : ', CAS tokens not at all';
    this.loss = `through a server expiry is kept to the second${cas}`;
  }

  /**
   * Finds out which commands the server understands. Throws a ToolError, and closes the connection, when it has no
   * meta commands.
   */
  static async open(connection: Connection): Promise<ServerTarget> {
    try {
      return await ServerTarget.#ask(connection);
    } catch (error: unknown) {
      await connection.close();
      throw error;
    }
  }

  static async #ask(connection: Connection): Promise<ServerTarget> {
    const barrier = await connection.request([Buffer.from('mn\r\n')], 'reply');
    if (barrier.last !== 'MN') {
      throw new ToolError(EXIT.usage, 'The server has no meta commands (memcached 1.6 or later)');
    }
    // This command deletes a key that does not exist, and so changes nothing. It shows whether the server knows flag
    // E.
    const probe = `md kv-load-${randomBytes(8).toString('hex')} E1\r\n`;
    const answer = await connection.request([Buffer.from(probe)], 'reply');
    return new ServerTarget(connection, answer.last === 'NF');
  }

  nowMs(): number {
    return Date.now();
  }

  async put(entry: SnapshotEntry, place: string): Promise<void> {
    await this.#requireShortKey(entry, place);
    this.#bundle.push({ entry, place });
    this.#bytes += entry.value.length;
    if (this.#bytes >= BUNDLE_BYTES || this.#bundle.length >= BUNDLE_ENTRIES) await this.finish();
  }

  async finish(): Promise<void> {
    const bundle = this.#bundle;
    if (bundle.length === 0) return;
    const pieces = bundle.flatMap(({ entry }) => this.#compose(entry, ' q'));
    const joined = this.#bytes < BUNDLE_BYTES ? [Buffer.concat(pieces)] : pieces;
    this.#bundle = [];
    this.#bytes = 0;
    const { rows, last } = await this.#connection.request(joined, 'barrier');
    if (rows.length > 0 || last !== 'MN') return this.#findCulprit(bundle);
    this.stored += bundle.length;
  }

  async #findCulprit(bundle: readonly Sent[]): Promise<void> {
    for (const { entry, place } of bundle) {
      const { last } = await this.#connection.request(this.#compose(entry, ''), 'reply');
      if (last !== 'HD') {
        const [key, bytes] = [quotedKey(entry.key), formatCount(entry.value.length)];
        const what = `the server refused key ${key} with its value of ${bytes} bytes: ${last}`;
        throw new ToolError(EXIT.io, `${place}: ${what}${nextStep(last)}`);
      }
      this.stored += 1;
    }
  }

  /**
   * Asks the server first whether it takes such a key, because it may read the value behind a key that is too long as
   * commands. Spaces and control characters need base64, which makes a key a third longer.
   */
  async #requireShortKey({ key }: SnapshotEntry, place: string): Promise<void> {
    const word = wordOfKey(key);
    if (word.length <= KEY_BYTES_MAX_DEFAULT) return;
    await this.finish();
    const probe = Buffer.from(`mg ${word}${isPlainKey(key) ? '' : ' b'}\r\n`, 'latin1');
    const { last } = await this.#connection.request([probe], 'reply');
    if (last === 'HD' || last === 'EN') return;
    const length = `${key.length} bytes${isPlainKey(key) ? '' : `, ${word.length} in base64`}`;
    const what = `the server takes no key as long as ${quotedKey(key)} (${length}): ${last}`;
    const next = `Load into a directory, or start the server with --max-key-bytes ${word.length}`;
    throw new ToolError(EXIT.io, `${place}: ${what}. ${next}`);
  }

  #compose(entry: SnapshotEntry, mode: string): Buffer[] {
    return [composeHead(entry, this.#keepsCas, mode), entry.value, END_OF_LINE];
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** Returns the next step after a refusal, where there is one. */
function nextStep(refusal: string): string {
  if (!/too large/i.test(refusal)) return '';
  return (
    '. Start the server with a larger -I, or leave the key out of the dump: ' +
    'over etcd and Redis no value is longer than 1 MiB'
  );
}

/** Returns `ms <key> <bytes> [b] F<flags> T<exptime> [E<cas>]` and the flags of `mode`. */
function composeHead(entry: SnapshotEntry, keepsCas: boolean, mode: string): Buffer {
  const { key, value, flags, expiresAt, cas } = entry;
  const words = ['ms', wordOfKey(key), String(value.length)];
  if (!isPlainKey(key)) words.push('b');
  words.push(`F${flags}`);
  // The time is always absolute: a Unix time is far above 30 days, below which a time is relative.
  if (expiresAt !== 0) words.push(`T${Math.ceil(expiresAt / 1000)}`);
  if (keepsCas && cas !== 0n) words.push(`E${cas}`);
  return Buffer.from(`${words.join(' ')}${mode}\r\n`, 'latin1');
}
