// Large values of past records: opens those whose files are still there, in the data directory or in the history.
//
// Invariant: a value is returned only from the very file that the record means, because another value may have got the
// same number since. Nothing waits for its reader: once the file is open, it may be removed.

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

  /** Returns the value, which the caller must close, or undefined when its file is gone. */
  async open(reference: LargeReference): Promise<KeptLargeValue | undefined> {
    const { id, bytes } = reference;
    const live = join(this.#dir, largeValueName(id));
    // In this order, because a file moves from the data directory into the history.
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
