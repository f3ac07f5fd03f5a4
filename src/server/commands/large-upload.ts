// The upload of a value that is too large for memory: pieces go to the store as they arrive, one at a time, and
// the put happens after the last one. A failure is answered only at the end, so that all bytes of the value
// are consumed and the connection stays in step. The number of open uploads is bounded (receipts.ts).

import { assert } from '../../assert.js';
import { errorReply, type ErrorName } from '../../protocol/reply.js';
import type { PutRequest } from '../../protocol/request.js';
import type { LargeValueHandle, LargeValueWriter } from '../../store/store.js';
import type { Receiver } from '../receipts.js';
import type { Session } from '../session.js';
import { errorOfWrite } from './outcomes.js';

type StoreValue = (
  request: PutRequest,
  session: Session,
  value: LargeValueHandle,
) => Promise<void> | undefined;

export class LargeUpload implements Receiver {
  readonly #session: Session;
  readonly #request: PutRequest;
  readonly #store: StoreValue;
  #writer: LargeValueWriter | undefined;
  #error: ErrorName | undefined;
  #isAborted = false;
  #onTurn: (() => void) | undefined;

  /** `request` owns its key and form. */
  constructor(session: Session, request: PutRequest, store: StoreValue) {
    this.#session = session;
    this.#request = request;
    this.#store = store;
  }

  /** Resolves when the next piece may come. The bytes are copied, because their memory is lent only for this turn. */
  async piece(bytes: Buffer): Promise<void> {
    if (this.#error !== undefined) return;
    const own = Buffer.from(bytes);
    try {
      this.#writer ??= await this.#open();
      if (this.#isAborted) await this.abort();
      else await this.#writer?.write(own);
    } catch (error) {
      this.#error = errorOfWrite(error);
      await this.abort();
    }
  }

  get bytesReceived(): number {
    return this.#session.bytesReceived;
  }

  get isHeldUp(): boolean {
    return this.#session.isHeldUp;
  }

  goOn(): void {
    this.#onTurn?.();
  }

  holdUp(): void {
    assert(false, 'An upload has no claim on a reserve');
  }

  destroy(): void {
    this.#session.abandon();
  }

  /** Waits for its turn and opens the file; undefined when the client has gone meanwhile. */
  async #open(): Promise<LargeValueWriter | undefined> {
    if (this.#session.services.uploads.claim(this, 1, 0) === 'waits') {
      await new Promise<void>((resolve) => (this.#onTurn = resolve));
    }
    return this.#isAborted ? undefined : this.#session.store.openLargeValue();
  }

  /** Stores the whole value and answers. */
  async end(): Promise<void> {
    const handle = await this.#finish();
    if (handle === undefined) {
      const error = errorReply(this.#error ?? 'closed');
      this.#session.answerChange(this.#request.form, error, 0);
      return;
    }
    await this.#store(this.#request, this.#session, handle);
  }

  /** Gives the value up, because the client has gone or the value did not end as it should. */
  async abort(): Promise<void> {
    this.#isAborted = true;
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.abort();
    this.#session.services.uploads.release(this);
    // Wakes #open() if it still waits for its turn; it then opens nothing.
    this.#onTurn?.();
  }

  async #finish(): Promise<LargeValueHandle | undefined> {
    if (this.#writer === undefined) return undefined;
    try {
      const handle = await this.#writer.finish();
      this.#session.services.uploads.release(this);
      return handle;
    } catch (error) {
      this.#error = errorOfWrite(error);
      await this.abort();
      return undefined;
    }
  }
}
