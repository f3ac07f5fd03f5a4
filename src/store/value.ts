// A value as a store gives it: its bytes, or the means to read them piece by piece; now, or as a promise.

export type Maybe<T> = T | Promise<T>;

/**
 * A value as it lies in memory, or a larger one that is read piece by piece. A Buffer is valid until
 * the caller returns to the event loop (it may be a view into the cache): copy it, never keep it.
 */
export type Value = Buffer | LargeValue;

export interface LargeValue {
  readonly bytes: number;
  /** Reads from `position`; shorter than `target` only at the end. CRCs are checked. Throws KvError. */
  read(target: Buffer, position: number): Promise<number>;
  /** Must be called once, after the last read: the file may go only then. */
  release(): void;
}
