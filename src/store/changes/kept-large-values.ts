// Large values of the past: those whose files are still there, in the data directory or in the history.
//
// Invariant: a value is given only when its file is the very one that the record means; its number may have been given
// out again. Nothing waits for whoever reads it: once it is open, the file may be removed.

import { join } from 'node:path';

import type { File, Fs } from '../../env/env.js';
import { PoolShare, sharing } from '../../env/pool-share.js';
import { isKvError, systemCode } from '../../errors.js';
import { largeValueName } from '../../log/bytes/file-names.js';
import type { History } from '../../log/history.js';
import {
  checkLargeHeader,
  readLargeValue,
  type LargeReference,
} from '../../log/segments/large-value-file.js';
import type { LargeValue } from '../store.js';

export interface KeptLargeValue extends LargeValue {
  close(): Promise<void>;
}

export class KeptLargeValues {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #history: History;

  constructor(fs: Fs, dir: string, history: History) {
    this.#fs = sharing(fs, new PoolShare(1));
    this.#dir = dir;
    this.#history = history;
  }

  /** Undefined: it is gone. `close` must be called. */
  async open(reference: LargeReference): Promise<KeptLargeValue | undefined> {
    const { id, bytes } = reference;
    const live = join(this.#dir, largeValueName(id));
    // It moves from the one to the other.
    const file =
      (await this.#openFile(live, reference)) ??
      (await this.#openFile(this.#history.largeValuePath(id), reference));
    if (file === undefined) return undefined;
    return {
      bytes,
      read: (target, position) => readLargeValue(file, reference, target, position),
      release: () => undefined,
      close: () => file.close(),
    };
  }

  async #openFile(
    path: string | undefined,
    { id, salt }: LargeReference,
  ): Promise<File | undefined> {
    if (path === undefined) return undefined;
    let file: File | undefined;
    try {
      file = await this.#fs.open(path, 'read');
      await checkLargeHeader(file, id, salt);
      return file;
    } catch (error) {
      await file?.close();
      if (systemCode(error) === 'ENOENT' || isKvError(error, 'KV_CORRUPTION')) return undefined;
      throw error;
    }
  }
}
