// The files of values that are too large for the log: who writes, reads and still needs each.
//
// Invariants:
// - A file is removed only when the record that made it dead is durable and its last reader has left.
// - A file that no item refers to is a leftover of a crash and goes at the next start.

import { join } from 'node:path';

import { assert } from '../assert.js';
import type { Env, File } from '../env/env.js';
import { KvError, isKvError } from '../errors.js';
import { largeValueName, parseFileName } from '../log/files.js';
import { LargeValueFileWriter, encodeDescriptor, readLargeValue } from '../log/large-value-file.js';
import type { LargeReference } from '../log/large-value-file.js';
import { isNoSpace } from '../log/zero-ahead.js';
import type { LargeValue, LargeValueHandle, LargeValueWriter } from './store.js';

interface Doomed {
  readonly reference: LargeReference;
  /** It may go when this seq is durable. */
  readonly seq: number;
}

export class LargeValues {
  readonly #env: Env;
  readonly #dir: string;
  readonly #checkRoom: (bytes: number) => Promise<void>;
  #nextId = 1;
  readonly #finished = new Map<number, LargeReference>();
  readonly #readers = new Map<number, number>();
  readonly #doomed = new Map<number, Doomed>();
  #watermark = 0;
  readonly #removals = new Set<Promise<void>>();
  /** Ids of files that are about to be removed. */
  readonly #removable: number[] = [];
  #isRemoving = false;

  /** `checkRoom` throws KV_NO_SPACE when so many bytes more would take what the log needs. */
  constructor(env: Env, dir: string, checkRoom: (bytes: number) => Promise<void>) {
    this.#env = env;
    this.#dir = dir;
    this.#checkRoom = checkRoom;
  }

  /** At the start: removes what no item refers to. */
  async removeOrphans(used: ReadonlySet<number>): Promise<void> {
    for (const name of await this.#env.fs.list(this.#dir)) {
      const parsed = parseFileName(name);
      if (parsed.kind !== 'large-value') continue;
      this.#nextId = Math.max(this.#nextId, parsed.id + 1);
      if (!used.has(parsed.id)) await this.#env.fs.remove(join(this.#dir, name));
    }
  }

  async openWriter(): Promise<LargeValueWriter> {
    const id = this.#nextId;
    this.#nextId += 1;
    const { fs, random } = this.#env;
    const path = this.#pathOf(id);
    const file = await reported(path, () => fs.open(path, 'create'));
    const writer = new LargeValueFileWriter(file, id, random.bytes(4).readUInt32LE(0));
    let open = true;
    const abort = async (): Promise<void> => {
      if (!open) return;
      open = false;
      try {
        await file.close();
        await fs.remove(path);
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
        try {
          await reported(path, async () => {
            await file.close();
            await fs.syncDir(this.#dir);
          });
        } catch (error) {
          this.#track(fs.remove(path));
          throw error;
        }
        this.#finished.set(id, reference);
        return { largeValueId: id, bytes: reference.bytes };
      },
      abort,
    };
  }

  /** The reference behind a writer's handle, once. */
  take(handle: LargeValueHandle): LargeReference {
    const reference = this.#finished.get(handle.largeValueId);
    assert(reference !== undefined, 'A large value is put once, after it is finished');
    this.#finished.delete(handle.largeValueId);
    return reference;
  }

  descriptor(reference: LargeReference): Buffer {
    return encodeDescriptor(reference);
  }

  /** The value for reading; its `release` must be called. */
  open(reference: LargeReference): LargeValue {
    const { id, bytes } = reference;
    this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1);
    const path = this.#pathOf(id);
    let file: Promise<File> | undefined;
    let released = false;
    return {
      bytes,
      read: async (target, position) => {
        file ??= this.#env.fs.open(path, 'read');
        const opened = file;
        return reported(path, async () =>
          readLargeValue(await opened, reference, target, position),
        );
      },
      release: () => {
        if (released) return;
        released = true;
        this.#track(this.#leave(id, file));
      },
    };
  }

  /** The item that refers to it is there (again): a change was taken back. */
  keep(reference: LargeReference | undefined): void {
    if (reference !== undefined) this.#doomed.delete(reference.id);
  }

  /** Nothing refers to it once `seq` is durable. */
  dropAfter(reference: LargeReference | undefined, seq: number): void {
    if (reference === undefined) return;
    this.#doomed.set(reference.id, { reference, seq });
    this.#removeIfDone(reference.id, seq);
  }

  /** Nothing refers to it, nor ever did durably. */
  dropNow(reference: LargeReference | undefined): void {
    this.dropAfter(reference, 0);
  }

  /** Records up to `watermark` are durable: files they made dead may go. */
  settle(watermark: number): void {
    this.#watermark = watermark;
    for (const [id, { seq }] of this.#doomed) this.#removeIfDone(id, seq);
  }

  #removeIfDone(id: number, seq: number): void {
    if (seq > this.#watermark || this.#readers.has(id)) return;
    this.#doomed.delete(id);
    this.#removable.push(id);
    if (this.#isRemoving) return;
    this.#isRemoving = true;
    this.#track(this.#removeAll());
  }

  /** Waits for removals that are under way. */
  async close(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  /** One after the other: a thousand at once would fill the pool that commits need. */
  async #removeAll(): Promise<void> {
    for (let id = this.#removable.shift(); id !== undefined; id = this.#removable.shift()) {
      await this.#env.fs.remove(this.#pathOf(id)).catch((error: unknown) => this.#warn(error));
    }
    this.#isRemoving = false;
  }

  #warn(error: unknown): void {
    this.#env.logger.warn(`A large value's file cannot be removed: ${String(error)}`);
  }

  async #leave(id: number, file: Promise<File> | undefined): Promise<void> {
    // Who read was told when it could not be opened.
    const opened = await file?.catch(() => undefined);
    await opened?.close();
    const left = (this.#readers.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#readers.set(id, left);
      return;
    }
    this.#readers.delete(id);
    this.settle(this.#watermark);
  }

  /** A file that cannot be removed is a leftover for the next start; the operator hears of it. */
  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => this.#warn(error));
    this.#removals.add(tracked);
    void tracked.then(() => this.#removals.delete(tracked));
  }

  #pathOf(id: number): string {
    return join(this.#dir, largeValueName(id));
  }
}

/** What the file system refuses, as the KvError that Store promises. */
async function reported<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isKvError(error)) throw error;
    if (isNoSpace(error)) {
      throw new KvError('KV_NO_SPACE', 'The disk is full', { path, cause: error });
    }
    throw new KvError('KV_IO', "A large value's file failed", { path, cause: error });
  }
}
