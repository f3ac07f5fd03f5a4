// Text for people's terminals and logs, out of bytes that a client may have chosen: nothing in it steers a
// terminal, and nothing makes a line of its own. On the wire protocol/listed-key.ts has this part.

import { isUtf8 } from 'node:buffer';

/** Control characters (C0, DEL, C1), what ends a line or turns the writing direction. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** Of those what JSON.stringify leaves; without the flag u, which makes the search in a long value slow. */
const UNSAFE_IN_JSON = /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;
const UNSAFE_BUT_LINES = /(?!\r?\n|\t)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** One line: `\x1b` for a control character, `\u2028` for the others. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, escaped);
}

/** Several lines: line ends and tabs stay; a CR alone, which goes back over a line, does not. */
export function printableLines(text: string): string {
  return text.replaceAll(UNSAFE_BUT_LINES, escaped);
}

/**
 * A key as a line of a listing. Where anything is escaped a backslash is doubled, and bytes that are no UTF-8 are
 * escaped as well; else the key stays as it is.
 */
export function printableKey(key: Buffer): string {
  const text = key.toString(isUtf8(key) ? 'utf8' : 'latin1');
  if (isUtf8(key) && text.search(UNSAFE) < 0) return text;
  const doubled = text.replaceAll('\\', '\\\\');
  return isUtf8(key) ? printable(doubled) : doubled.replaceAll(/[^ -~]/g, escaped);
}

/** JSON on one line that does nothing to a terminal: JSON.stringify leaves DEL and C1 as they are. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    UNSAFE_IN_JSON,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Whether a text can stand as it is where people look at it: nothing but line ends and tabs steers anything. */
export function isPrintableText(text: string): boolean {
  return text.search(UNSAFE_BUT_LINES) < 0;
}

/** A key in double quotes, for a message. */
export function quotedKey(key: Buffer): string {
  return jsonLine(key.toString('utf8'));
}

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}
