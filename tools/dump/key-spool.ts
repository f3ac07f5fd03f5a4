// The keys of a server between their listing and the reading of their values, in a file without a name in the
// temporary directory. So memory does not depend on their number, the listing holds up the server only for a moment,
// and a killed tool leaves nothing behind.

import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { KvError, systemCode } from '../../src/errors.js';

export interface ListedKey {
  readonly key: Buffer;
  /** Bytes as the listing has them: of the value, or of the item with the overhead of the server. */
  readonly bytes: number;
  /** Unix seconds by the server's clock; 0 never expires. */
  readonly expiresAtSeconds: number;
}

const CHUNK_CHARACTERS = 64 * 1024;

export class KeySpool {
  readonly #file: FileHandle;
  #gathered = '';
  count = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(): Promise<KeySpool> {
    const dir = await mkdtemp(join(tmpdir(), 'kv-dump-'));
    try {
      return new KeySpool(await open(join(dir, 'keys'), 'wx+', 0o600));
    } finally {
      await rm(dir, { recursive: true });
    }
  }

  /** Throws KV_NO_SPACE when the temporary directory is full. */
  async add({ key, bytes, expiresAtSeconds }: ListedKey): Promise<void> {
    this.count += 1;
    this.#gathered += `${key.toString('base64')} ${bytes} ${expiresAtSeconds}\n`;
    if (this.#gathered.length >= CHUNK_CHARACTERS) await this.#write();
  }

  /** Yields all keys in their order; call it after the last add(). */
  async *keys(): AsyncGenerator<ListedKey> {
    await this.#write();
    for await (const line of this.#file.readLines({ start: 0, autoClose: false })) {
      const [key = '', bytes, expiresAtSeconds] = line.split(' ');
      yield {
        key: Buffer.from(key, 'base64'),
        bytes: Number(bytes),
        expiresAtSeconds: Number(expiresAtSeconds),
      };
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #write(): Promise<void> {
    const text = this.#gathered;
    this.#gathered = '';
    try {
      await this.#file.writeFile(text);
    } catch (error: unknown) {
      if (systemCode(error) !== 'ENOSPC') throw error;
      const message = 'The list of the keys does not fit there: TMPDIR names another directory';
      throw new KvError('KV_NO_SPACE', message, { path: tmpdir(), cause: error });
    }
  }
}
