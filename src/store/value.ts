// Values as a store returns them: the bytes, or an object that reads them piece by piece.

/** An answer that is there at once, or a promise of it. */
export type Maybe<T> = T | Promise<T>;

/**
 * A value in memory, or a large value that is read piece by piece. A Buffer is valid until the
 * caller returns to the event loop (it may be a view into the cache): copy it, never keep it.
 */
export type Value = Buffer | LargeValue;

export interface LargeValue {
  readonly bytes: number;
  /** Reads from `position` and checks CRCs. Fills less than `target` only at the end of the value. Throws KvError. */
  read(target: Buffer, position: number): Promise<number>;
  /** Must be called once, after the last read: only then may the file be removed. */
  release(): void;
}
