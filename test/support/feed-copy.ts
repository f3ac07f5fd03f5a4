// A copy of a store that is built from a dump and the changes after it, as a follower would build one.

import type { Change, ChangeFeed } from '../../src/store/change-log.js';
import type { LargeValue, Value } from '../../src/store/store.js';

/** An item of the copy. Bytes are latin1, because tests compare them. */
interface CopiedItem {
  readonly value: string;
  readonly flags: number;
  readonly expiresAt: number;
  readonly cas: bigint;
}

/** A change that may be kept after the next one has come. */
export interface KeptChange extends Omit<Change, 'key' | 'value'> {
  readonly key: string;
  readonly value: string | undefined;
}

export class FeedCopy {
  readonly items = new Map<string, CopiedItem>();
  /** The seq up to which everything was applied. */
  seq = 0;

  /** Begins again from a dump of the store in JSON. */
  load(dump: string): void {
    const { seq, entries } = JSON.parse(dump) as { seq: number; entries: Entry[] };
    this.items.clear();
    this.seq = seq;
    for (const { key, keyEncoding, value, encoding, flags, expiresAt, cas } of entries) {
      const name = Buffer.from(key, keyEncoding ?? 'utf8').toString('latin1');
      const text = Buffer.from(value, encoding).toString('latin1');
      this.items.set(name, { value: text, flags, expiresAt: expiresAt ?? 0, cas: BigInt(cas) });
    }
  }

  /** Applies a change. Throws when it is not newer than the one before. */
  apply({ type, seq, key, value, flags, expiresAt, cas }: KeptChange): void {
    if (seq <= this.seq) throw new Error(`Seq ${seq} came after ${this.seq}`);
    this.seq = seq;
    const item = this.items.get(key);
    if (type === 'put') this.items.set(key, { value: value ?? '(gone)', flags, expiresAt, cas });
    else if (type === 'delete') this.items.delete(key);
    else if (type === 'touch' && item !== undefined) this.items.set(key, { ...item, expiresAt });
    else if (type === 'flush' && expiresAt === 0) this.items.clear();
    else if (type === 'delete_prefix') {
      for (const name of this.items.keys()) if (name.startsWith(key)) this.items.delete(name);
    }
  }

  /** Returns the items that have not expired. */
  live(nowMs: number): Record<string, CopiedItem> {
    const found = [...this.items].filter(
      ([, { expiresAt }]) => expiresAt === 0 || expiresAt > nowMs,
    );
    return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

interface Entry {
  readonly key: string;
  readonly keyEncoding?: 'base64';
  readonly value: string;
  readonly encoding: 'utf8' | 'base64';
  readonly flags: number;
  readonly expiresAt: number | null;
  readonly cas: number | string;
}

/** Returns all changes that the feed has at the moment, but no more than `max`. */
export async function drain(feed: ChangeFeed, max = Infinity): Promise<KeptChange[]> {
  const found: KeptChange[] = [];
  while (found.length < max) {
    const change = await feed.next();
    if (change === undefined) break;
    found.push(await keptChange(change));
  }
  return found;
}

async function keptChange(change: Change): Promise<KeptChange> {
  const key = change.key.toString('latin1');
  const { value } = change;
  return { ...change, key, value: value === undefined ? undefined : await textOf(value) };
}

async function textOf(value: Value): Promise<string> {
  const bytes = Buffer.isBuffer(value) ? value : await wholeOf(value);
  return bytes.toString('latin1');
}

async function wholeOf(value: LargeValue): Promise<Buffer> {
  const whole = Buffer.alloc(value.bytes);
  for (let at = 0; at < whole.length;) at += await value.read(whole.subarray(at), at);
  value.release();
  return whole;
}
