// Key job: one call of the store on its way through the line of its key, into a batch and back to its caller.

import { decodeItem } from '../item-bytes.js';
import type { Job } from '../batcher.js';
import type { LiveItem, OldItem } from '../semantics.js';
import type * as S from '../../store/store.js';
import type { KeyOrder, Queued } from './key-order.js';
import type { Places } from './places.js';
import type { ReadJob } from './read-lanes.js';
import type { Seen, WriteFailure, WriteJob } from './write-lanes.js';

/** The parts that the jobs of one store share. */
export interface Workshop {
  readonly places: Places;
  readonly order: KeyOrder<Seen>;
  readonly counters: { retries: number };
  nowMs(): number;
  read(job: ReadJob): void;
  write(job: WriteJob): void;
}

/** The call: its key in etcd, and the key as a string. */
export interface Called {
  readonly key: Buffer;
  readonly name: string;
  readonly deadlineMs: number;
}

/** Bytes of a request beside its key and value. */
export const FRAME_BYTES = 64;

/** The item by the server's clock and the flush records. */
interface Standing {
  readonly old: OldItem;
  /** The reason why there is no item. */
  readonly reason: S.MissReason;
}

const ABSENT: Standing = { old: undefined, reason: 'absent' };

/** Makes of what a transaction saw an item that is alive, or the reason why there is none. */
export function standingOf(shop: Workshop, { item, flushes }: Seen): Standing {
  if (item === undefined) return ABSENT;
  for (const flush of flushes) {
    if (shop.places.isFlushed(item, flush)) return { old: undefined, reason: 'flushed' };
  }
  const bytes = item.value;
  const decoded = decodeItem(bytes);
  if (bytes === undefined || decoded === undefined) return { old: 'damaged', reason: 'absent' };
  const { expiresAt, ownCas } = decoded;
  if (expiresAt !== 0 && expiresAt <= shop.nowMs()) return { old: undefined, reason: 'expired' };
  const old: LiveItem = {
    value: decoded.value,
    flags: decoded.flags,
    expiresAt,
    stale: decoded.stale,
    won: decoded.won,
    ownCas,
    cas: ownCas ?? BigInt(item.mod_revision),
    bytes,
  };
  return { old, reason: 'absent' };
}

export abstract class KeyJob implements Job, Queued<Seen> {
  readonly name: string;
  readonly key: Buffer;
  readonly deadlineMs: number;
  /** Size of the request; it changes only while the job is in no batcher. */
  bytes: number;
  following: Queued<Seen> | undefined = undefined;
  protected readonly shop: Workshop;

  constructor(shop: Workshop, called: Called, valueBytes: number) {
    this.shop = shop;
    this.name = called.name;
    this.key = called.key;
    this.deadlineMs = called.deadlineMs;
    this.bytes = FRAME_BYTES + called.key.length + valueBytes;
  }

  abstract begin(guess: Seen | undefined): void;
  abstract failed(failure: WriteFailure): void;

  expire(): void {
    this.failed('closed');
  }

  protected finish(guess: Seen | undefined): void {
    this.shop.order.finished(this, guess);
  }
}
