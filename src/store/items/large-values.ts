// Files of values that are too large for the log: writes and reads them, and removes those that nothing needs any more.
//
// Invariants:
// - A file is removed only when the record that made it dead is durable and its last reader has left.
// - A file that no item refers to is a leftover of a crash, and the next start removes it.
// - No new file gets an id that the log names, not even in a dead record. A change that replaces a dead item removes the
//   file of its id, and kv-check would take the new file for the old one and call it damaged.
// - Apart from reads, one call at a time is in libuv's pool (env/pool-share.ts). However many clients send and drop
//   large values, commits find a thread.

import { join } from 'node:path';

import { assert } from '../../assert.js';
import type { Env, Fs } from '../../env/env.js';
import { PoolShare, sharing } from '../../env/pool-share.js';
import { failureText, isKvError, KvError, systemReason } from '../../errors.js';
import { largeValueName, parseFileName } from '../../log/bytes/file-names.js';
import {
  LargeValueFileWriter,
  encodeDescriptor,
  readLargeValue,
} from '../../log/segments/large-value-file.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import { freeTemporaryName, isOurs } from '../../log/segments/ownership.js';
import type { History } from '../../log/history.js';
import { isNoSpace } from '../../log/commit/zero-ahead.js';
import { FewAtATime } from './few-at-a-time.js';
import type { LargeValue, LargeValueHandle, LargeValueWriter } from '../store.js';

/** The most files that are open for reading at the same time. */
const READS_MAX = 8;

interface Doomed {
  readonly reference: LargeReference;
  /** The file may be removed when this seq is durable. */
  readonly seq: number;
}

export class LargeValues {
  readonly #env: Env;
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #checkRoom: (bytes: number) => Promise<void>;
  readonly #history: History;
  readonly #share = new PoolShare(1);
  #nextId = 1;
  readonly #finished = new Map<number, LargeReference>();
  readonly #readers = new Map<number, number>();
  readonly #doomed = new Map<number, Doomed>();
  #watermark = 0;
  readonly #removals = new Set<Promise<void>>();
  readonly #reads = new FewAtATime(READS_MAX);

  /** `checkRoom` throws KV_NO_SPACE when so many more bytes would take the room that the log needs. */
  constructor(
    env: Env,
    dir: string,
    history: History,
    checkRoom: (bytes: number) => Promise<void>,
  ) {
    this.#env = env;
    this.#fs = sharing(env.fs, this.#share);
    this.#dir = dir;
    this.#history = history;
    this.#checkRoom = (bytes) => this.#share.run(() => checkRoom(bytes));
  }

  /** At the start: removes files that no item refers to. `used`: ids of all items; `idMax`: the highest id in the log. */
  async removeOrphans(used: ReadonlySet<number>, idMax: number): Promise<void> {
    this.#nextId = idMax + 1;
    for (const name of await this.#fs.list(this.#dir)) {
      const parsed = parseFileName(name);
      if (parsed.kind !== 'large-value') continue;
      this.#nextId = Math.max(this.#nextId, parsed.id + 1);
      if (!used.has(parsed.id)) await this.#removeOrphan(name, parsed.id, idMax);
    }
  }

  /** A file with an id that the log names belonged to an item; one above is of an upload that was cut short. */
  async #removeOrphan(name: string, id: number, idMax: number): Promise<void> {
    if (!(await isOurs(this.#fs, this.#dir, name))) return;
    await this.#history.takeLargeValue(id, 0, id <= idMax ? this.#watermark : 0);
  }

  async openWriter(): Promise<LargeValueWriter> {
    const id = this.#nextId;
    this.#nextId += 1;
    const { random } = this.#env;
    const fs = this.#fs;
    const path = this.#pathOf(id);
    // The file gets its final name once it is whole: a file of that name with a wrong header is not Cairn's.
    const temporary = join(this.#dir, await freeTemporaryName(fs, this.#dir, largeValueName(id)));
    const file = await reported(path, () => fs.open(temporary, 'create'));
    const writer = new LargeValueFileWriter(file, id, random.bytes(4).readUInt32LE(0));
    let open = true;
    const abort = async (): Promise<void> => {
      if (!open) return;
      open = false;
      try {
        await file.close();
        await fs.remove(temporary);
      } catch (error) {
        this.#warn(error);
      }
    };
    return {
      write: (piece) =>
        reported(path, async () => {
          await this.#checkRoom(piece.length);
          await writer.write(piece);
        }),
      finish: async () => {
        const reference = await reported(path, () => writer.finish());
        open = false;
        let isNamed = false;
        try {
          await reported(path, async () => {
            await file.close();
            await fs.rename(temporary, path);
            isNamed = true;
            await fs.syncDir(this.#dir);
          });
        } catch (error) {
          this.#track(fs.remove(temporary));
          if (isNamed) this.#track(fs.remove(path));
          throw error;
        }
        this.#finished.set(id, reference);
        return { largeValueId: id, bytes: reference.bytes };
      },
      abort,
    };
  }

  /** Returns the reference of a writer's handle, which may still be taken. */
  peek(handle: LargeValueHandle): LargeReference {
    const reference = this.#finished.get(handle.largeValueId);
    assert(reference !== undefined, 'A large value is kept until it is put');
    return reference;
  }

  /** Drops the file of a writer's handle, unless the handle was taken. */
  discard(handle: LargeValueHandle): void {
    const reference = this.#finished.get(handle.largeValueId);
    this.#finished.delete(handle.largeValueId);
    this.dropNow(reference);
  }

  /** Returns the reference of a writer's handle, which can be taken once. */
  take(handle: LargeValueHandle): LargeReference {
    const reference = this.#finished.get(handle.largeValueId);
    assert(reference !== undefined, 'A large value is put once, after it is finished');
    this.#finished.delete(handle.largeValueId);
    return reference;
  }

  descriptor(reference: LargeReference): Buffer {
    return encodeDescriptor(reference);
  }

  /** Returns the value for reading; the caller must call its `release`. */
  open(reference: LargeReference): LargeValue {
    const { id, bytes } = reference;
    this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1);
    const path = this.#pathOf(id);
    let released = false;
    return {
      bytes,
      // The file is opened for each piece, so that a client that stops reading holds no descriptor.
      read: (target, position) =>
        this.#reads.run(() =>
          reported(path, async () => {
            const file = await this.#fs.open(path, 'read');
            try {
              return await readLargeValue(file, reference, target, position);
            } finally {
              await file.close();
            }
          }),
        ),
      release: () => {
        if (released) return;
        released = true;
        this.#leave(id);
      },
    };
  }

  /** Keeps the file: a change was taken back, so that an item refers to it again. */
  keep(reference: LargeReference | undefined): void {
    if (reference !== undefined) this.#doomed.delete(reference.id);
  }

  /** Removes the file once `seq` is durable, because nothing refers to it then. */
  dropAfter(reference: LargeReference | undefined, seq: number): void {
    if (reference === undefined) return;
    const doomed = { reference, seq };
    this.#doomed.set(reference.id, doomed);
    this.#removeIfDone(doomed);
  }

  /** Removes the file: no durable record has ever referred to it. */
  dropNow(reference: LargeReference | undefined): void {
    this.dropAfter(reference, 0);
  }

  /** Notes that records up to `watermark` are durable, and removes the files that they made dead. */
  settle(watermark: number): void {
    this.#watermark = watermark;
    for (const doomed of this.#doomed.values()) this.#removeIfDone(doomed);
  }

  #removeIfDone({ reference, seq }: Doomed): void {
    const { id, bytes } = reference;
    if (seq > this.#watermark || this.#readers.has(id)) return;
    this.#doomed.delete(id);
    this.#track(this.#share.run(() => this.#history.takeLargeValue(id, bytes, seq)));
  }

  /** Waits for removals that are under way. */
  async close(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  #warn(error: unknown): void {
    this.#env.logger.warn(`A large value's file cannot be removed: ${failureText(error)}`);
  }

  #leave(id: number): void {
    const left = (this.#readers.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#readers.set(id, left);
      return;
    }
    this.#readers.delete(id);
    this.settle(this.#watermark);
  }

  /** Awaits a removal. A file that cannot be removed is logged and stays as a leftover for the next start. */
  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => this.#warn(error));
    this.#removals.add(tracked);
    void tracked.then(() => this.#removals.delete(tracked));
  }

  #pathOf(id: number): string {
    return join(this.#dir, largeValueName(id));
  }
}

/** Makes the call and throws what the file system refuses as the KvError that Store promises. */
async function reported<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isKvError(error)) throw error;
    if (isNoSpace(error)) {
      throw new KvError('KV_NO_SPACE', 'The disk is full', { path, cause: error });
    }
    const message = `The file of a large value could not be read or written: ${systemReason(error)}`;
    throw new KvError('KV_IO', message, { path, cause: error });
  }
}
