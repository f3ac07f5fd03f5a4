// Large writes: puts whose value belongs into a file of its own, because an embedding program gave a large
// Buffer or an append or prepend made the value large. Writes the file and returns a put with the file's handle.

import { assert } from '../../assert.js';
import { isKvError, isOutOfDescriptors } from '../../errors.js';
import { LARGE_CHUNK_BYTES } from '../../log/segments/large-value-file.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { StoreParts } from '../items/parts.js';
import type { LargeValue, LargeValueWriter, Put, PutOutcome } from '../store.js';
import type { Loaded } from '../items/values.js';

/** Bytes to copy; a file is held until `release`. */
type Source = Buffer | LargeValue;

export class LargeWrites {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /**
   * Returns the same put with its value in a file, or the outcome when the disk had no room. An append or prepend with
   * `base` becomes a replace that compares the CAS token of `base`; one without becomes an add. The caller discards a
   * given handle that was not put.
   */
  async make(put: Put, base: Loaded | undefined): Promise<Put | PutOutcome> {
    const { large } = this.#parts;
    const key = Buffer.from(put.key);
    if (base === undefined && !Buffer.isBuffer(put.value)) return created({ ...put, key });
    const given = this.#sourceOf(put.value);
    const old = base === undefined ? undefined : this.#sourceOf(base.large ?? base.value);
    // Copied before the first wait: the next load reuses the object `base`.
    const kept = base && {
      flags: base.flags,
      compareCas: put.compareCas ?? base.cas,
      invalidate: false,
    };
    let writer: LargeValueWriter | undefined;
    try {
      writer = await large.openWriter();
      if (put.mode === 'append') await this.#copy(old, writer);
      await this.#copy(given, writer);
      if (put.mode === 'prepend') await this.#copy(old, writer);
      const value = await writer.finish();
      if (kept === undefined) return created({ ...put, key, value });
      return { ...put, ...kept, key, value, mode: 'replace', keepsExpiry: true };
    } catch (error) {
      await writer?.abort();
      const refused = { after: 0, cas: 0n, valueBytes: 0 };
      if (isKvError(error, 'KV_NO_SPACE')) return { status: 'no-space', ...refused };
      if (isOutOfDescriptors(error)) return { status: 'no-descriptors', ...refused };
      throw error;
    } finally {
      release(old);
      release(given);
    }
  }

  /** Returns a copy of the bytes, or the file, held from now on: the caller's bytes or the file may go during a wait. */
  #sourceOf(value: Put['value'] | LargeReference): Source {
    const { large } = this.#parts;
    if (Buffer.isBuffer(value)) return Buffer.from(value);
    return large.open('largeValueId' in value ? large.peek(value) : value);
  }

  async #copy(source: Source | undefined, writer: LargeValueWriter): Promise<void> {
    if (source === undefined) return;
    if (Buffer.isBuffer(source)) {
      await writer.write(source);
      return;
    }
    const piece = Buffer.allocUnsafe(LARGE_CHUNK_BYTES);
    for (let at = 0; at < source.bytes;) {
      const count = await source.read(piece, at);
      assert(count > 0, 'A large value is as long as its reference says');
      await writer.write(piece.subarray(0, count));
      at += count;
    }
  }
}

/** Makes an append or prepend that found no item an add, which creates it. */
function created(put: Put): Put {
  if (put.mode !== 'append' && put.mode !== 'prepend') return put;
  return { ...put, mode: 'add', expiresAt: put.vivifyExpiresAt ?? 0 };
}

function release(source: Source | undefined): void {
  if (source !== undefined && !Buffer.isBuffer(source)) source.release();
}
