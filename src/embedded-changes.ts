// The change feed of the library: yields the changes of store/change-log.ts with keys and values that the program may keep.

import type { Change, ChangeFeed, ChangeType, DeleteReason } from './store/change-log.js';
import type { LargeValue } from './store/store.js';

const PIECE_BYTES = 256 * 1024;
/** As long as a timer can be. */
const HOLD_MS = 2 ** 31 - 1;

export interface CairnChange {
  readonly type: ChangeType;
  /** A feed with `after: seq` continues with the next change. */
  readonly seq: number;
  /** Time of the commit, Unix ms. */
  readonly timeMs: number;
  /** Of a `delete_prefix`: the prefix. Of a `flush`, which concerns all keys: empty. */
  readonly key: Buffer;
  /** Of a `put`: the 32 bits that came with the value; otherwise 0. */
  readonly flags: number;
  /**
   * Of a `put` and a `touch`: Unix ms; 0: never. Of a `flush`: the time when it takes effect, at which a second `flush`
   * is yielded; 0: at once.
   */
  readonly expiresAt: number;
  /** Of a `put`: its CAS token; otherwise 0n. */
  readonly cas: bigint;
  /** Of a `delete`: its reason; otherwise undefined. */
  readonly reason: DeleteReason | undefined;
  /** Of a `put`: the length of its value; otherwise 0. */
  readonly valueBytes: number;
  /**
   * Of a `put`, with the option `values`. Undefined when it was not asked for, or when a value of over 1 MiB has been
   * replaced since and its file is gone.
   */
  readonly value: Buffer | undefined;
}

/**
 * Makes a generator whose return() also ends a wait for the next change. The return() of a plain generator takes effect after
 * the change that next() waits for, which may never come. Readable.destroy() calls return() while next() waits.
 */
export function endedByReturn(
  changesUntil: (returned: AbortSignal) => AsyncGenerator<CairnChange>,
): AsyncGenerator<CairnChange> {
  const returning = new AbortController();
  const changes = changesUntil(returning.signal);
  const finish = changes.return.bind(changes);
  changes.return = (value) => {
    returning.abort();
    return finish(value);
  };
  return changes;
}

/** Yields each change as it comes. Ends, and closes the feed, when the feed ends or `signal` is aborted. */
export async function* changesOf(
  feed: ChangeFeed,
  signal: AbortSignal,
): AsyncGenerator<CairnChange, undefined> {
  try {
    const isOver = (): boolean => signal.aborted || feed.isEnded;
    while (!isOver()) {
      const found = feed.next();
      const change = found instanceof Promise ? await found : found;
      if (change === undefined) await waitFor(feed, signal);
      else yield await ownChange(change);
    }
    return undefined;
  } finally {
    await feed.close();
  }
}

/** The process stays alive meanwhile: the store's timers do not hold it, and the program may have nothing else to do. */
async function waitFor(feed: ChangeFeed, signal: AbortSignal): Promise<void> {
  const hold = setInterval(() => {}, HOLD_MS);
  try {
    await feed.more(signal);
  } finally {
    clearInterval(hold);
  }
}

async function ownChange(change: Change): Promise<CairnChange> {
  const { key, value } = change;
  const whole = value === undefined || Buffer.isBuffer(value) ? value : readAll(value);
  const own = whole instanceof Promise ? await whole : whole && Buffer.from(whole);
  return { ...change, key: Buffer.from(key), value: own };
}

/** Reads the whole value and releases it. */
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
