// A storage line: a parsed line that a data block follows (set, add, replace, append, prepend, cas and ms). It is the
// request itself, plus the fields that only the parser needs until the block has arrived.

import type { ErrorName } from '../reply.js';
import type { ReplyForm } from '../reply-form.js';
import { PutRequest, type OversizedPutRequest, type PutRequestMode } from '../request.js';

export class StorageLine extends PutRequest {
  /** The reason why the line is refused; its block is skipped when `valueBytes` is known. */
  error: ErrorName | undefined = undefined;
  /** The plain dialect's short form: one space around the block is tolerated. */
  tolerant = false;

  override reset(form: ReplyForm, mode: PutRequestMode): void {
    super.reset(form, mode);
    this.error = undefined;
    this.tolerant = false;
  }

  /** Returns the request for a value over the limit. */
  oversized(): OversizedPutRequest {
    const { form, key, keyStart, keyEnd, valueBytes } = this;
    return { kind: 'oversized-put', form, key: key.subarray(keyStart, keyEnd), valueBytes };
  }
}
