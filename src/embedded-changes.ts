// The change feed of the library: what store/store.ts tells, with keys and values that the program may keep.

import type { Change, ChangeFeed, ChangeType, DeleteReason } from './store/change-log.js';
import type { LargeValue } from './store/store.js';

const PIECE_BYTES = 256 * 1024;

export interface CairnChange {
  readonly type: ChangeType;
  /** Follow `after` it, and what comes next is what came next. */
  readonly seq: number;
  /** When it was committed, Unix ms. */
  readonly timeMs: number;
  /** Of a `delete_prefix` the prefix; of a `flush`, which is for all keys, empty. */
  readonly key: Buffer;
  /** Of a `put`: the 32 bits that came with the value; else 0. */
  readonly flags: number;
  /**
   * Of a `put` and a `touch`: Unix ms, 0: never. Of a `flush`: when it is to take effect, which a flush of its own then
   * tells; 0: at once.
   */
  readonly expiresAt: number;
  /** Of a `put`: its CAS token; else 0n. */
  readonly cas: bigint;
  /** Why a `delete` came to be; else undefined. */
  readonly reason: DeleteReason | undefined;
  /** Of a `put`: how long its value is; else 0. */
  readonly valueBytes: number;
  /**
   * Of a `put`, with the option `values`. Undefined: not asked for; or the value has over 1 MiB, was replaced since, and
   * is gone.
   */
  readonly value: Buffer | undefined;
}

/** Each change, as it comes. Ends when the feed does, or with `signal`; the feed is closed then. */
export async function* changesOf(
  feed: ChangeFeed,
  signal: AbortSignal | undefined,
): AsyncGenerator<CairnChange, undefined> {
  try {
    const isOver = (): boolean => signal?.aborted === true || feed.isEnded;
    while (!isOver()) {
      const found = feed.next();
      const change = found instanceof Promise ? await found : found;
      if (change === undefined) await feed.more(signal);
      else yield await ownChange(change);
    }
    return undefined;
  } finally {
    await feed.close();
  }
}

async function ownChange(change: Change): Promise<CairnChange> {
  const { key, value } = change;
  const whole = value === undefined || Buffer.isBuffer(value) ? value : readAll(value);
  const own = whole instanceof Promise ? await whole : whole && Buffer.from(whole);
  return { ...change, key: Buffer.from(key), value: own };
}

/** The whole value, which is released. */
export async function readAll(value: LargeValue): Promise<Buffer> {
  try {
    const whole = Buffer.allocUnsafe(value.bytes);
    for (let at = 0; at < whole.length;) {
      at += await value.read(whole.subarray(at, at + PIECE_BYTES), at);
    }
    return whole;
  } finally {
    value.release();
  }
}
