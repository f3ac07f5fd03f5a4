// A parsed line that is followed by a data block: set, add, replace, append, prepend, cas and ms. One
// object is reused for all lines of a connection; the parser makes a request of it when the block is in.

import type { ErrorName } from './reply.js';
import type { ReplyForm } from './reply-form.js';
import type { OversizedPutRequest, PutRequest, PutRequestMode } from './request.js';

export class StorageLine {
  form: ReplyForm;
  mode: PutRequestMode = 'set';
  key: Buffer = NO_KEY;
  flags = 0;
  exptime = 0;
  /** NaN: not readable or not plausible, so that what follows cannot be told to be a block. */
  valueBytes = 0;
  compareCas: bigint | undefined;
  chosenCas: bigint | undefined;
  invalidate = false;
  vivifyExptime: number | undefined;
  /** The line is refused; its block is swallowed when `valueBytes` is known. */
  error: ErrorName | undefined;
  /** The plain dialect's short form: one space around the block is tolerated. */
  tolerant = false;

  constructor(form: ReplyForm) {
    this.form = form;
  }

  /** Forgets the line before. */
  reset(form: ReplyForm, mode: PutRequestMode): void {
    this.form = form;
    this.mode = mode;
    this.key = NO_KEY;
    this.flags = 0;
    this.exptime = 0;
    this.valueBytes = Number.NaN;
    this.compareCas = undefined;
    this.chosenCas = undefined;
    this.invalidate = false;
    this.vivifyExptime = undefined;
    this.error = undefined;
    this.tolerant = false;
  }

  /** The request; `value` undefined when it follows in pieces. */
  request(value: Buffer | undefined): PutRequest {
    return {
      kind: 'put',
      form: this.form,
      mode: this.mode,
      key: this.key,
      flags: this.flags,
      exptime: this.exptime,
      valueBytes: this.valueBytes,
      value,
      compareCas: this.compareCas,
      chosenCas: this.chosenCas,
      invalidate: this.invalidate,
      vivifyExptime: this.vivifyExptime,
    };
  }

  /** The request when the value is over the limit. */
  oversized(): OversizedPutRequest {
    return { kind: 'oversized-put', form: this.form, key: this.key, valueBytes: this.valueBytes };
  }
}

const NO_KEY = Buffer.alloc(0);
