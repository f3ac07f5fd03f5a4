// Puts whose value belongs into a file of its own: given as a Buffer by an embedding program, or grown
// by append and prepend. Writes the file, then the put goes on as a plain set with the file's handle.

import { assert } from '../../assert.js';
import { isKvError, isOutOfDescriptors } from '../../errors.js';
import { LARGE_CHUNK_BYTES } from '../../log/segments/large-value-file.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { StoreParts } from '../items/parts.js';
import type { LargeValue, LargeValueWriter, Put, PutOutcome } from '../store.js';
import type { Loaded } from '../items/values.js';

/** Where bytes come from; a file is held until `release`. */
type Source = Buffer | LargeValue;

export class LargeWrites {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /**
   * The same put with its value in a file; for a join with `base`, which must be unchanged then: a replace
   * that compares its CAS; for one without, an add. Or the outcome when the disk had no room. The caller discards a
   * given handle that was not put.
   */
  async make(put: Put, base: Loaded | undefined): Promise<Put | PutOutcome> {
    const { large } = this.#parts;
    const key = Buffer.from(put.key);
    if (base === undefined && !Buffer.isBuffer(put.value)) return created({ ...put, key });
    const given = this.#sourceOf(put.value);
    const old = base === undefined ? undefined : this.#sourceOf(base.large ?? base.value);
    // What a load gives is another item's after the next one.
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

  /** Bytes of our own, or a file that is held from now on: the caller's may go while we wait. */
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
      assert(count > 0, 'A large value has the bytes that it says');
      await writer.write(piece.subarray(0, count));
      at += count;
    }
  }
}

/** A join that found nothing to join creates the item. */
function created(put: Put): Put {
  if (put.mode !== 'append' && put.mode !== 'prepend') return put;
  return { ...put, mode: 'add', expiresAt: put.vivifyExpiresAt ?? 0 };
}

function release(source: Source | undefined): void {
  if (source !== undefined && !Buffer.isBuffer(source)) source.release();
}
