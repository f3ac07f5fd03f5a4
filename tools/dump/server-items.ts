// The items of a running memcached server, real or Cairn: its keys are listed first, then their values are read. The
// items are not of one moment, because other clients write meanwhile.
//
// Invariant: every listed key is given, or counted as gone or as a key that the server cannot be asked for.

import type { SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import { randomBytes } from 'node:crypto';

import type { Connection } from '../client/connection.js';
import { countOf } from '../terminal/quantity.js';
import { readWindow, windowsOf, type Dialect } from './item-windows.js';
import { listKeys, serverSeconds } from './key-listing.js';
import { KeySpool } from './key-spool.js';

interface Wanted {
  readonly prefix: Buffer;
  readonly keysOnly: boolean;
}

export class ServerItems {
  readonly #connection: Connection;
  readonly #dialect: Dialect;
  readonly #spool: KeySpool;
  readonly #keysOnly: boolean;
  readonly #notListed: string | undefined;
  #gone = 0;
  #unnamed = 0;

  private constructor(
    connection: Connection,
    dialect: Dialect,
    spool: KeySpool,
    keysOnly: boolean,
    notListed: string | undefined,
  ) {
    this.#connection = connection;
    this.#dialect = dialect;
    this.#spool = spool;
    this.#keysOnly = keysOnly;
    this.#notListed = notListed;
  }

  /**
   * Lists the keys. Throws a ToolError: 64 when the server lists none, 69 without a server, 76 when it is no
   * memcached server.
   */
  static async open(connection: Connection, { prefix, keysOnly }: Wanted): Promise<ServerItems> {
    const dialect = await dialectOf(connection);
    const spool = await KeySpool.create();
    try {
      const notListed = await listKeys(connection, prefix, spool);
      return new ServerItems(connection, dialect, spool, keysOnly, notListed);
    } catch (error: unknown) {
      await spool.close();
      throw error;
    }
  }

  /** The number of keys that were listed. */
  get listed(): number {
    return this.#spool.count;
  }

  /** Yields the items in the order of the listing. */
  async *items(): AsyncGenerator<SnapshotItem> {
    for await (const keys of windowsOf(this.#spool.keys())) {
      const { items, unnamed } = await readWindow(
        this.#connection,
        this.#dialect,
        keys,
        this.#keysOnly,
      );
      this.#unnamed += unnamed;
      this.#gone += keys.length - items.length - unnamed;
      yield* items;
    }
  }

  /** Returns notes for the user of the dump, one line each. They are complete after the last item. */
  notes(): string[] {
    const notes = ['the dump is not of one moment: what was written meanwhile may be in it or not'];
    if (this.#notListed !== undefined) notes.push(this.#notListed);
    if (this.#dialect.kind === 'classic')
      notes.push('the server has no meta commands: expiries are those of the listing');
    if (this.#gone > 0) notes.push(`${countOf(this.#gone, 'key')} had gone when read`);
    if (this.#unnamed > 0)
      notes.push(`left out: ${countOf(this.#unnamed, 'key')} that the server cannot be asked for`);
    return notes;
  }

  async close(): Promise<void> {
    await this.#spool.close();
  }
}

/** Finds out which commands the server understands, with a key that does not exist. */
async function dialectOf(connection: Connection): Promise<Dialect> {
  const barrier = await connection.request([Buffer.from('mn\r\n')], 'reply');
  if (barrier.last !== 'MN') {
    const aheadMs = (await serverSeconds(connection)) * 1000 - Math.floor(Date.now() / 1000) * 1000;
    return { kind: 'classic', aheadMs };
  }
  const probe = Buffer.from(`mg kv-dump-${randomBytes(8).toString('hex')} v u\r\n`);
  const { last } = await connection.request([probe], 'reply');
  return { kind: 'meta', withoutBump: last === 'EN' };
}
