// Puts whose value belongs into a file of its own: given as a Buffer by an embedding program, or grown
// by append and prepend. Writes the file, then the put goes on as a plain set with the file's handle.

import { assert } from '../assert.js';
import { isKvError } from '../errors.js';
import { LARGE_CHUNK_BYTES } from '../log/large-value-file.js';
import type { Core } from './core.js';
import type { LargeValueHandle, LargeValueWriter, Put, PutOutcome } from './store.js';
import type { Loaded } from './values.js';

export class LargeWrites {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * The same put with its value in a file; for a join with `base`, which must be unchanged then: a set
   * that compares its CAS. Or the outcome when the disk had no room.
   */
  async make(put: Put, base: Loaded | undefined): Promise<Put | PutOutcome> {
    const { items, large } = this.#core;
    const key = Buffer.from(put.key);
    const given = Buffer.isBuffer(put.value) ? Buffer.from(put.value) : put.value;
    const ref = items.keydir.find(key);
    const expiresAt = ref === 0 ? 0 : items.keydir.expiresAt(ref);
    const basePart = base === undefined ? undefined : { ...base, value: Buffer.from(base.value) };
    const writer = await large.openWriter();
    try {
      if (basePart !== undefined && put.mode === 'append') await this.#copyLoaded(basePart, writer);
      await this.#copyGiven(given, writer);
      if (basePart !== undefined && put.mode === 'prepend')
        await this.#copyLoaded(basePart, writer);
      const value = await writer.finish();
      if (basePart === undefined) return { ...put, key, value };
      return {
        ...put,
        key,
        value,
        mode: 'replace',
        flags: basePart.flags,
        expiresAt,
        compareCas: put.compareCas ?? basePart.cas,
      };
    } catch (error) {
      await writer.abort();
      if (!isKvError(error, 'KV_NO_SPACE')) throw error;
      return { status: 'no-space', after: 0, cas: 0n, valueBytes: 0 };
    }
  }

  async #copyGiven(value: Buffer | LargeValueHandle, writer: LargeValueWriter): Promise<void> {
    if (Buffer.isBuffer(value)) {
      await writer.write(value);
      return;
    }
    const reference = this.#core.large.take(value);
    await this.#copyFile(reference, writer);
    this.#core.large.dropNow(reference);
  }

  async #copyLoaded(loaded: Loaded, writer: LargeValueWriter): Promise<void> {
    if (loaded.large === undefined) await writer.write(loaded.value);
    else await this.#copyFile(loaded.large, writer);
  }

  async #copyFile(
    reference: Parameters<Core['large']['open']>[0],
    writer: LargeValueWriter,
  ): Promise<void> {
    const source = this.#core.large.open(reference);
    const piece = Buffer.allocUnsafe(LARGE_CHUNK_BYTES);
    try {
      for (let at = 0; at < source.bytes;) {
        const count = await source.read(piece, at);
        assert(count > 0, 'A large value has the bytes that it says');
        await writer.write(piece.subarray(0, count));
        at += count;
      }
    } finally {
      source.release();
    }
  }
}
