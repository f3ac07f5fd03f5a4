// Keys in listings and events, which are lines of words: a binary key may hold spaces, line ends, any byte, and
// a text key control characters, and none of that may make a word or a line that a parser takes for another
// one's (docs/protocol.md, "Keys in listings").

import { isUtf8 } from 'node:buffer';

const SPACE = 0x20;
const DELETE = 0x7f;
/** C1, among bytes that are no UTF-8. */
const C1 = /[\x80-\x9f]/;
/** UTF-8, as Latin-1, of what printable.ts escapes as well: C1, line ends, what turns the writing direction. */
const STEERING_UTF8 = /\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]/;

/** memcached's form for metadump and events: all but letters, digits and - . _ ~ as %XX. */
export function uriEncoded(key: Buffer): string {
  return key.toString('latin1').replaceAll(/[^\w.~-]/g, percent);
}

/**
 * For lines that memcached prints raw (cachedump, detail): a plain key as it is, as Latin-1; of another all that is
 * not ASCII in print, and its percent signs, as %XX.
 */
export function lineKey(key: Buffer): string {
  const text = key.toString('latin1');
  return isPlainKey(key) ? text : text.replaceAll(/[^!-$&-~]/g, percent);
}

/** A key that a text command can name, and that does nothing to a terminal on which a line shows it. */
export function isPlainKey(key: Buffer): boolean {
  if (!key.every((byte) => byte > SPACE && byte !== DELETE)) return false;
  const text = key.toString('latin1');
  return !(isUtf8(key) ? STEERING_UTF8 : C1).test(text);
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
