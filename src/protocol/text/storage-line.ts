// A parsed line that is followed by a data block: set, add, replace, append, prepend, cas and ms. It is the request
// itself, with what only the parser needs to know of it until the block is in.

import type { ErrorName } from '../reply.js';
import type { ReplyForm } from '../reply-form.js';
import { PutRequest, type OversizedPutRequest, type PutRequestMode } from '../request.js';

export class StorageLine extends PutRequest {
  /** The line is refused; its block is swallowed when `valueBytes` is known. */
  error: ErrorName | undefined = undefined;
  /** The plain dialect's short form: one space around the block is tolerated. */
  tolerant = false;

  override reset(form: ReplyForm, mode: PutRequestMode): void {
    super.reset(form, mode);
    this.error = undefined;
    this.tolerant = false;
  }

  /** The request when the value is over the limit. */
  oversized(): OversizedPutRequest {
    const { form, key, keyStart, keyEnd, valueBytes } = this;
    return { kind: 'oversized-put', form, key: key.subarray(keyStart, keyEnd), valueBytes };
  }
}
