// The words of a request, checked before anything is sent. A line end in a word would begin a second command, and a
// space would make two words of it. The length of a key is not checked, because the limit of a server can be raised.
//
// Invariant: a word that passes reaches the server byte for byte. Any other word is refused with 64.

import { EXIT } from '../../src/exit-codes.js';
import { jsonLine } from '../../src/printable.js';
import { ToolError } from '../terminal/program.js';

/** Node puts it in place of bytes that are not UTF-8, and those bytes are then lost. */
const REPLACEMENT = '\ufffd';
const CONTROL = /\p{Cc}/u;

const NUMBERS = {
  'A seq': { pattern: /^\d{1,15}$/, min: 0n, max: 2n ** 48n - 1n, what: 'of 48 bits' },
  'A CAS token': { pattern: /^\d{1,20}$/, min: 0n, max: 2n ** 64n - 1n, what: 'of 64 bits' },
  'The number': { pattern: /^\d{1,20}$/, min: 0n, max: 2n ** 64n - 1n, what: 'of 64 bits' },
  '--flags': { pattern: /^\d{1,10}$/, min: 0n, max: 2n ** 32n - 1n, what: 'of 32 bits' },
  'An expiry': { pattern: /^-?\d{1,10}$/, min: -(10n ** 10n), max: 10n ** 10n, what: 'of seconds' },
  'A delay': { pattern: /^-?\d{1,10}$/, min: -(10n ** 10n), max: 10n ** 10n, what: 'of seconds' },
  'A level': { pattern: /^\d{1,9}$/, min: 0n, max: 10n ** 9n, what: 'from 0 on' },
} as const;

/** Throws a ToolError with 64 when a server would read a key as two words, or as a line of its own. */
export function checkKeys(keys: readonly string[]): void {
  for (const key of keys) {
    if (key !== '' && !key.includes(' ') && !CONTROL.test(key)) continue;
    throw new ToolError(EXIT.usage, `A key has no spaces or control characters: ${jsonLine(key)}`);
  }
}

/** Throws a ToolError with 64 for a text that is not such a number. */
export function checkNumber(name: keyof typeof NUMBERS, text: string): void {
  const { pattern, min, max, what } = NUMBERS[name];
  if (pattern.test(text) && BigInt(text) >= min && BigInt(text) <= max) return;
  throw new ToolError(EXIT.usage, `${name} is a number ${what}: ${jsonLine(text)}`);
}

/** Returns the request line of these words. Throws a ToolError with 64 where one of them cannot be a word. */
export function composeLine(words: readonly string[]): Buffer {
  for (const word of words) {
    if (word !== '' && !word.includes(' ') && !CONTROL.test(word)) continue;
    throw new ToolError(
      EXIT.usage,
      `A word of a request has no spaces or control characters: ${jsonLine(word)}`,
    );
  }
  return Buffer.from(`${words.join(' ')}\r\n`);
}

/**
 * Returns what is wrong with a line that a person typed, which may have any number of words; undefined when nothing
 * is.
 */
export function lineFault(line: string): string | undefined {
  const control = CONTROL.exec(line)?.[0];
  if (control === undefined) return encodingFault(line);
  return `A request line has no control characters, and here is ${jsonLine(control)}: nothing was sent`;
}

/** Returns the same for a line that holds a value. */
export function encodingFault(line: string): string | undefined {
  return line.includes(REPLACEMENT) ? 'The line is not valid UTF-8: nothing was sent' : undefined;
}
