// Printable text for terminals and logs, made from bytes that a client may have chosen. The text holds no control
// sequence of a terminal and no line break of its own. protocol/listed-key.ts does the same for the wire.

import { isUtf8 } from 'node:buffer';

/** Control characters (C0, DEL, C1), and characters that end a line or change the writing direction. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
/** Those of UNSAFE that JSON.stringify does not escape. No flag u: it makes the search in a long value slow. */
const UNSAFE_IN_JSON = /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;
const UNSAFE_BUT_LINES = /(?!\r?\n|\t)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Returns one line, with `\x1b` for a control character and `\u2028` for the other unsafe ones. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, escaped);
}

/** Returns several lines: line ends and tabs stay. A CR alone is escaped, because it would overwrite the line. */
export function printableLines(text: string): string {
  return text.replaceAll(UNSAFE_BUT_LINES, escaped);
}

/**
 * Returns a key as a line of a listing. A key that is safe UTF-8 stays as it is. In any other, each backslash is
 * doubled; in one that is no UTF-8, every byte outside printable ASCII is escaped.
 */
export function printableKey(key: Buffer): string {
  const text = key.toString(isUtf8(key) ? 'utf8' : 'latin1');
  if (isUtf8(key) && text.search(UNSAFE) < 0) return text;
  const doubled = text.replaceAll('\\', '\\\\');
  return isUtf8(key) ? printable(doubled) : doubled.replaceAll(/[^ -~]/g, escaped);
}

/** Returns JSON on one line that is safe on a terminal: JSON.stringify leaves DEL and C1 as they are. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    UNSAFE_IN_JSON,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Checks whether a text is safe to show as it is: its only control characters are line ends and tabs. */
export function isPrintableText(text: string): boolean {
  return text.search(UNSAFE_BUT_LINES) < 0;
}

/** Returns a key in double quotes, for a message. */
export function quotedKey(key: Buffer): string {
  return jsonLine(key.toString('utf8'));
}

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}
