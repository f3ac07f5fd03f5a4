// Loading into a running server through the protocol. Meta commands carry every key (base64 where it has
// spaces or control characters) and, where the server knows flag E, the CAS token; quiet ones with a
// barrier behind each bundle, so that a bundle costs one round trip and one commit.
//
// Invariant: nothing is guessed from an entry: what the server can do is asked before the first one,
// because a value sent behind a refused line could be read as commands.

import { randomBytes } from 'node:crypto';

import { EXIT } from '../../src/exit-codes.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/parser.js';
import type { Connection } from '../client/connection.js';
import { ToolError } from '../terminal/program.js';
import type { LoadTarget } from './load-target.js';

const BUNDLE_BYTES = 1024 * 1024;
const BUNDLE_ENTRIES = 500;
const END_OF_LINE = Buffer.from('\r\n');
const SPACE = 0x20;
const DELETE = 0x7f;

export class ServerTarget implements LoadTarget {
  readonly loss: string | undefined;
  readonly #connection: Connection;
  readonly #keepsCas: boolean;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #entries = 0;

  private constructor(connection: Connection, keepsCas: boolean) {
    this.#connection = connection;
    this.#keepsCas = keepsCas;
    const cas = keepsCas ? '' : ', CAS tokens not at all';
    this.loss = `through a server expiry is kept to the second${cas}`;
  }

  /** Asks what the server understands. Throws a ToolError when it has no meta commands. */
  static async open(connection: Connection): Promise<ServerTarget> {
    const barrier = await connection.request([Buffer.from('mn\r\n')], 'reply');
    if (barrier.last !== 'MN') {
      throw new ToolError(EXIT.usage, 'The server has no meta commands (memcached 1.6 or later)');
    }
    // Deleting what is not there changes nothing, and shows whether flag E is known.
    const probe = `md kv-load-${randomBytes(8).toString('hex')} E1\r\n`;
    const answer = await connection.request([Buffer.from(probe)], 'reply');
    return new ServerTarget(connection, answer.last === 'NF');
  }

  nowMs(): number {
    return Date.now();
  }

  async put(entry: SnapshotEntry): Promise<void> {
    const head = composeHead(entry, this.#keepsCas);
    this.#pieces.push(head, entry.value, END_OF_LINE);
    this.#bytes += head.length + entry.value.length;
    this.#entries += 1;
    if (this.#bytes >= BUNDLE_BYTES || this.#entries >= BUNDLE_ENTRIES) await this.finish();
  }

  async finish(): Promise<void> {
    if (this.#entries === 0) return;
    const pieces = this.#bytes < BUNDLE_BYTES ? [Buffer.concat(this.#pieces)] : this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    this.#entries = 0;
    const { rows, last } = await this.#connection.request(pieces, 'barrier');
    const refusal = rows[0] ?? (last === 'MN' ? undefined : last);
    if (refusal !== undefined) {
      throw new ToolError(EXIT.io, `The server refused an entry: ${refusal}`);
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** `ms <key> <bytes> [b] F<flags> T<exptime> [E<cas>] q` */
function composeHead(entry: SnapshotEntry, keepsCas: boolean): Buffer {
  const { key, value, flags, expiresAt, cas } = entry;
  const isPlain = key.every((byte) => byte > SPACE && byte !== DELETE);
  const words = ['ms', isPlain ? key.toString('latin1') : key.toString('base64')];
  words.push(String(value.length));
  if (!isPlain) words.push('b');
  words.push(`F${flags}`);
  // Always an absolute time: a Unix time is far above the 30 days up to which one is relative.
  if (expiresAt !== 0) words.push(`T${Math.ceil(expiresAt / 1000)}`);
  if (keepsCas && cas !== 0n) words.push(`E${cas}`);
  return Buffer.from(`${words.join(' ')} q\r\n`, 'latin1');
}
