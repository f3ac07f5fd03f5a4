// One call of the store as a job of its key: a read, a plain set, a plain delete, a flush record, or a change that is
// decided on the item as it is (read, decide, write if the item is still that one, else decide again).
//
// Invariants:
// - What is written is compared with what it was decided on, and with the flush records, when the old item counted: a
//   flush in between must not be undone by what was touched.
// - A guess (what the call before left behind, or that an `add` finds nothing) is only ever the ground of a compared
//   write. An answer that writes nothing is of a state that was read after the call was made.

import type { Job } from '../batcher.js';
import { decodeItem, encodeItem } from '../item-bytes.js';
import type { Decision, LiveItem, OldItem } from '../semantics.js';
import type * as S from '../../store/store.js';
import { hitOf } from '../semantics.js';
import type { KeyOrder, Queued } from './key-order.js';
import { RESULT, TARGET, type Compare, type KeyValue } from './messages.js';
import type { RequestOp, ResponseOp } from './messages.js';
import type { Places } from './places.js';
import type { ReadJob } from './read-lanes.js';
import type { Seen, WriteFailure, WriteJob } from './write-lanes.js';

/** What the jobs of one store share. */
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

/** Of a request beside its key and value. */
const FRAME_BYTES = 64;

/** The item as the server's clock and the flush records have it. */
interface Standing {
  readonly old: OldItem;
  /** Why there is none. */
  readonly reason: S.MissReason;
}

const ABSENT: Standing = { old: undefined, reason: 'absent' };

function standingOf(shop: Workshop, { item, flushes }: Seen): Standing {
  if (item === undefined) return ABSENT;
  for (const flush of flushes) {
    if (shop.places.isFlushed(item, flush)) return { old: undefined, reason: 'flushed' };
  }
  const decoded = decodeItem(item.value);
  if (decoded === undefined) return { old: 'damaged', reason: 'absent' };
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
    bytes: item.value,
  };
  return { old, reason: 'absent' };
}

abstract class KeyJob implements Job, Queued<Seen> {
  readonly name: string;
  readonly key: Buffer;
  readonly deadlineMs: number;
  readonly bytes: number;
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

/** Reads that change nothing; all that are called before it is sent share it. */
export class Get extends KeyJob implements ReadJob {
  readonly #waiting: ((found: S.Lookup) => void)[] = [];
  #isOpen = true;

  constructor(shop: Workshop, called: Called, expectedBytes: number) {
    super(shop, called, expectedBytes);
  }

  /** False: it is under way already. */
  join(resolve: (found: S.Lookup) => void): boolean {
    if (this.#isOpen) this.#waiting.push(resolve);
    return this.#isOpen;
  }

  begin(): void {
    this.shop.read(this);
  }

  begun(): void {
    this.#isOpen = false;
  }

  found(seen: Seen): void {
    const { old, reason } = standingOf(this.shop, seen);
    if (old === undefined) this.#settle({ kind: 'miss', reason, after: 0 });
    else if (old === 'damaged') this.#settle({ kind: 'damaged', after: 0 });
    else this.#settle({ kind: 'hit', item: hitOf(old, false), after: 0 });
  }

  failed(): void {
    this.#settle({ kind: 'refused', status: 'closed', after: 0 });
  }

  #settle(found: S.Lookup): void {
    this.#isOpen = false;
    for (const resolve of this.#waiting) resolve(found);
    this.finish(undefined);
  }
}

/** A put that asks nothing of what was there. */
export class PlainSet extends KeyJob implements WriteJob {
  readonly isRemoval = false;
  readonly #item: Buffer;
  readonly #settle: (failure: WriteFailure | undefined, revision: number) => void;

  /** `item`: its bytes. `settle`: with the revision of the write, or why there was none. */
  constructor(
    shop: Workshop,
    called: Called,
    item: Buffer,
    settle: (failure: WriteFailure | undefined, revision: number) => void,
  ) {
    super(shop, called, item.length);
    this.#item = item;
    this.#settle = settle;
  }

  begin(): void {
    this.shop.write(this);
  }

  operation(): RequestOp {
    return { request_put: { key: this.key, value: this.#item } };
  }

  answered(_response: ResponseOp, { flushes, revision }: Seen): void {
    this.#settle(undefined, revision);
    const item = { key: this.key, value: this.#item, mod_revision: revision };
    this.finish({ item, flushes, revision });
  }

  replayed({ flushes }: Seen, revision: number): void {
    this.answered({}, { item: undefined, flushes, revision });
  }

  failed(failure: WriteFailure): void {
    this.#settle(failure, 0);
    this.finish(undefined);
  }
}

/** A delete whatever the token: what went tells whether there was an item. */
export class PlainDelete extends KeyJob implements WriteJob {
  readonly isRemoval = true;
  readonly #settle: (status: WriteFailure | 'deleted' | 'not-found') => void;

  constructor(
    shop: Workshop,
    called: Called,
    settle: (status: WriteFailure | 'deleted' | 'not-found') => void,
  ) {
    super(shop, called, 0);
    this.#settle = settle;
  }

  begin(): void {
    this.shop.write(this);
  }

  operation(): RequestOp {
    return { request_delete_range: { key: this.key, prev_kv: true } };
  }

  answered(response: ResponseOp, seen: Seen): void {
    this.#removed({ ...seen, item: response.response_delete_range?.prev_kvs[0] }, seen.revision);
  }

  replayed(before: Seen, revision: number): void {
    this.#removed(before, revision);
  }

  failed(failure: WriteFailure): void {
    this.#settle(failure);
    this.finish(undefined);
  }

  #removed(before: Seen, revision: number): void {
    const { old } = standingOf(this.shop, before);
    this.#settle(old === undefined ? 'not-found' : 'deleted');
    this.finish({ item: undefined, flushes: before.flushes, revision });
  }
}

/** A flush record: its revision is when it was. */
export class FlushMark implements WriteJob {
  readonly isRemoval = false;
  readonly key: Buffer;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly #settle: (failure: WriteFailure | undefined) => void;

  constructor(key: Buffer, deadlineMs: number, settle: (failure: WriteFailure | undefined) => void) {
    this.key = key;
    this.bytes = FRAME_BYTES + key.length;
    this.deadlineMs = deadlineMs;
    this.#settle = settle;
  }

  operation(): RequestOp {
    return { request_put: { key: this.key, value: NOTHING } };
  }

  answered(): void {
    this.#settle(undefined);
  }

  replayed(): void {
    this.#settle(undefined);
  }

  failed(failure: WriteFailure): void {
    this.#settle(failure);
  }

  expire(): void {
    this.#settle('closed');
  }
}

const NOTHING = Buffer.alloc(0);

/** What a change is: how it is decided, and where its answer goes. */
export interface Request<O> {
  decide(old: OldItem, reason: S.MissReason, nowMs: number): Decision<O>;
  readonly settle: (outcome: O) => void;
  readonly fail: (failure: WriteFailure) => void;
  /** Nothing is expected there: the first try need not read. */
  readonly isBlind: boolean;
  /** Bytes that it may add. */
  readonly valueBytes: number;
}

/** A change that is decided on the item as it is. */
export class Change<O> extends KeyJob implements ReadJob, WriteJob {
  readonly #request: Request<O>;
  /** What the write is compared with. */
  #ground: Seen = NOTHING_SEEN;
  #decision: Decision<O> | undefined;
  #item: Buffer | undefined;
  /** The old item counted: a flush since it was read matters. */
  #heedsFlushes = false;

  constructor(shop: Workshop, called: Called, request: Request<O>) {
    super(shop, called, request.valueBytes);
    this.#request = request;
  }

  get isRemoval(): boolean {
    return this.#item === undefined;
  }

  begin(guess: Seen | undefined): void {
    const ground = guess ?? (this.#request.isBlind ? NOTHING_SEEN : undefined);
    if (ground === undefined || !this.#decide(ground)) this.shop.read(this);
    else this.shop.write(this);
  }

  begun(): void {}

  found(seen: Seen): void {
    if (this.#decide(seen)) this.shop.write(this);
    else this.#settle(0, seen);
  }

  operation(): RequestOp {
    const { key } = this;
    const { item, revision } = this.#ground;
    const same: Compare = {
      result: RESULT.equal,
      target: TARGET.modRevision,
      key,
      mod_revision: item?.mod_revision ?? 0,
    };
    const unflushed: Compare = {
      ...this.shop.places.flushes,
      result: RESULT.less,
      target: TARGET.modRevision,
      mod_revision: revision + 1,
    };
    const value = this.#item;
    return {
      request_txn: {
        compare: this.#heedsFlushes ? [same, unflushed] : [same],
        success: [
          value === undefined
            ? { request_delete_range: { key } }
            : { request_put: { key, value } },
        ],
        failure: [{ request_range: { key } }],
      },
    };
  }

  answered(response: ResponseOp, seen: Seen): void {
    const done = response.response_txn;
    if (done?.succeeded === true) {
      this.#written(seen.flushes, seen.revision);
      return;
    }
    this.#again({ ...seen, item: done?.responses[0]?.response_range?.kvs[0] });
  }

  replayed(before: Seen, revision: number): void {
    const ground = this.#ground;
    const isSame = (before.item?.mod_revision ?? 0) === (ground.item?.mod_revision ?? 0);
    const isFlushed =
      this.#heedsFlushes &&
      before.flushes.some(({ mod_revision }) => mod_revision > ground.revision);
    if (isSame && !isFlushed) this.#written(before.flushes, revision);
    else this.#again(before);
  }

  failed(failure: WriteFailure): void {
    this.#request.fail(failure);
    this.finish(undefined);
  }

  /** Another server was faster: decided again on what it left. */
  #again(seen: Seen): void {
    this.shop.counters.retries += 1;
    this.found(seen);
  }

  #written(flushes: readonly KeyValue[], revision: number): void {
    const value = this.#item;
    const item = value === undefined ? undefined : { key: this.key, value, mod_revision: revision };
    this.#settle(revision, { item, flushes, revision });
  }

  #settle(revision: number, guess: Seen): void {
    this.#request.settle(this.#decision!.outcome(BigInt(revision)));
    this.finish(guess);
  }

  /** Whether there is something to write. */
  #decide(seen: Seen): boolean {
    const { old, reason } = standingOf(this.shop, seen);
    const decision = this.#request.decide(old, reason, this.shop.nowMs());
    const { write } = decision;
    this.#ground = seen;
    this.#decision = decision;
    this.#heedsFlushes = old !== undefined;
    this.#item =
      write === undefined || write === 'removal'
        ? undefined
        : encodeItem(write, write.value, 0, write.value.length);
    return write !== undefined;
  }
}

const NOTHING_SEEN: Seen = { item: undefined, flushes: [], revision: 0 };
