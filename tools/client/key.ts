// Keys as the text protocol can carry them. The length is the server's business: its limit can be raised.

import { EXIT } from '../../src/exit-codes.js';
import { jsonLine } from '../../src/printable.js';
import { ToolError } from '../terminal/program.js';

/** Throws a ToolError with 64 when a server would read one as two words. */
export function checkKeys(keys: readonly string[]): void {
  for (const key of keys) {
    if (key !== '' && !/[\s\p{Cc}]/u.test(key)) continue;
    const text = jsonLine(key);
    throw new ToolError(EXIT.usage, `A key has no spaces or control characters: ${text}`);
  }
}
