// Change job: a change that depends on the item. It reads, decides, and writes if the item is still the same; otherwise it
// decides again.
//
// Invariants:
// - A write compares the item with the one that it was decided on. When the old item counted, it compares the flush records
//   too: a touch must not undo a flush that came between.
// - A guess (the item that the call before left behind, or that an `add` finds nothing) is used only for a write that
//   compares. An answer without a write is about a state that was read after the call was made.

import { encodeItem } from '../item-bytes.js';
import type { Decision, OldItem } from '../semantics.js';
import type * as S from '../../store/store.js';
import { FRAME_BYTES, KeyJob, standingOf, type Called, type Workshop } from './key-job.js';
import { RESULT, TARGET, type Compare, type KeyValue } from './messages.js';
import type { RequestOp, ResponseOp } from './messages.js';
import type { ReadJob } from './read-lanes.js';
import type { Seen, WriteFailure, WriteJob } from './write-lanes.js';

const NOTHING_SEEN: Seen = { item: undefined, flushes: [], revision: 0 };

/** A change: how it is decided, and where its answer goes. */
export interface ChangeRequest<O> {
  decide(old: OldItem, reason: S.MissReason, nowMs: number): Decision<O>;
  readonly settle: (outcome: O) => void;
  readonly fail: (failure: WriteFailure) => void;
  /** The change expects no item: the first try need not read. */
  readonly isBlind: boolean;
  /** Estimated size of the old item. */
  readonly expectedBytes: number;
}

/** A change that depends on the item. */
export class ChangeJob<O> extends KeyJob implements ReadJob, WriteJob {
  readonly #request: ChangeRequest<O>;
  /** The state that the write compares. */
  #ground: Seen = NOTHING_SEEN;
  #decision: Decision<O> | undefined;
  #item: Buffer | undefined;
  /** The decision used the old item: a flush after the read matters. */
  #heedsFlushes = false;

  constructor(shop: Workshop, called: Called, request: ChangeRequest<O>) {
    super(shop, called, request.expectedBytes);
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
          value === undefined ? { request_delete_range: { key } } : { request_put: { key, value } },
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

  /** Another server was faster: the change is decided again on the item that it left. */
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

  /** Checks whether there is something to write. */
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
    this.bytes = FRAME_BYTES + this.key.length + (this.#item?.length ?? 0);
    return write !== undefined;
  }
}
