// Exit codes for the last line of a reply (docs/errors.md, "Exit codes"): what one command, and a line from a pipe, end with.

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import type { Reply } from './reply-reader.js';

/** Returns the code for a line that ends a reply: a refusal, a miss or a success. */
export function codeOf(last: string): ExitCode {
  if (/^(?:NOT_FOUND|NOT_STORED|EXISTS|Not-Exists|EN|NF|NS|EX)\b/.test(last)) return EXIT.notFound;
  if (last.startsWith('SERVER_ERROR')) return EXIT.io;
  if (last === 'CLIENT_ERROR unauthenticated') return EXIT.noPermission;
  return /^(?:ERROR|CLIENT_ERROR)/.test(last) ? EXIT.usage : EXIT.ok;
}

/** Returns the code of a refused request, or undefined when the server took it: a miss is no refusal. */
export function refusalOf({ rows, last }: Reply): ExitCode | undefined {
  // The replies of quiet commands are rows before the line that ends them.
  for (const line of [...rows, last]) {
    const code = codeOf(line);
    if (code !== EXIT.ok && code !== EXIT.notFound) return code;
  }
  return undefined;
}
