// Plain jobs: those that need not look at the item, which are a read, a plain set, a plain delete and a flush record.

import { hitOf } from '../semantics.js';
import type * as S from '../../store/store.js';
import { FRAME_BYTES, KeyJob, standingOf, type Called, type Workshop } from './key-job.js';
import type { RequestOp, ResponseOp } from './messages.js';
import type { ReadJob } from './read-lanes.js';
import type { Seen, WriteFailure, WriteJob } from './write-lanes.js';

/** A read that changes nothing. All reads of the key that are called before it is sent share it. */
export class Get extends KeyJob implements ReadJob {
  readonly #waiting: ((found: S.Lookup) => void)[] = [];
  #isOpen = true;

  /** Shares the read. False: it is under way already. */
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

/** A put that does not depend on the old item. */
export class PlainSet extends KeyJob implements WriteJob {
  readonly isRemoval = false;
  readonly #item: Buffer;
  readonly #settle: (failure: WriteFailure | undefined, revision: number) => void;

  /** `item`: its bytes. `settle` gets the revision of the write, or the reason why there was none. */
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

/** A delete that compares no token. The removed item, if any, tells whether there was one. */
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

/** A flush record. Its revision says when the flush was. */
export class FlushMark implements WriteJob {
  readonly isRemoval = false;
  readonly key: Buffer;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly #settle: (failure: WriteFailure | undefined) => void;

  constructor(
    key: Buffer,
    deadlineMs: number,
    settle: (failure: WriteFailure | undefined) => void,
  ) {
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
