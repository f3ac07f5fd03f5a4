// ASCII authentication (`-Y`): the client's first command is a fake `set <any> <any> <any> <bytes>` with
// the block `<user> <password>`. Until the pair was right, everything else is refused.

import { type LineContext, refusal } from './line-context.js';
import { readUnsigned } from '../numbers.js';
import type { Answer, Request } from '../request.js';
import { Words } from './words.js';

/** A longer block is refused without waiting for it. */
const TOKEN_BYTES_MAX = 16_384;
const BYTES = 4;
const CR = 0x0d;
const LF = 0x0a;

export class AuthenticationReader {
  readonly #context: LineContext;
  readonly #block = new Words();

  constructor(context: LineContext) {
    this.#context = context;
  }

  /** Reads the line in the context's words. Returns the bytes of the block that follows, or the answer to the line. */
  readLine(): number | Answer {
    const { words, forms } = this.#context;
    if (words.count <= BYTES || words.text(0) !== 'set') {
      return refusal(forms.normal, 'unauthenticated');
    }
    const bytes = readUnsigned(words.bytes, words.starts[BYTES]!, words.ends[BYTES]!);
    if (Number.isNaN(bytes)) return refusal(forms.normal, 'unauthenticated');
    if (bytes > TOKEN_BYTES_MAX) return refusal(forms.normal, 'auth-token-too-long');
    return bytes;
  }

  /** Reads the block bytes[start..end). Requires: two more bytes have arrived behind it. */
  readBlock(bytes: Buffer, start: number, end: number): Request {
    const { forms } = this.#context;
    if (bytes[end] !== CR || bytes[end + 1] !== LF) return refusal(forms.normal, 'bad-termination');
    this.#block.split(bytes, start, end);
    if (this.#block.count < 2) return refusal(forms.normal, 'bad-auth-token');
    return {
      kind: 'authenticate',
      form: forms.normal,
      user: this.#block.view(0),
      password: this.#block.view(1),
    };
  }
}
