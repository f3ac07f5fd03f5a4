// Keys in listings and events, which are lines of words. A binary key may hold any byte, a text key control
// characters. None of these bytes may make a word or a line that a reader takes for another entry's
// (docs/protocol.md, "Keys in listings").

import { isUtf8 } from 'node:buffer';

const SPACE = 0x20;
const DELETE = 0x7f;
/** C1 control characters, for keys that are not UTF-8. */
const C1 = /[\x80-\x9f]/;
/** UTF-8 bytes, read as Latin-1, of characters that printable.ts escapes too: C1, line ends, changes of direction. */
const STEERING_UTF8 = /\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]/;

/** Returns memcached's form for metadump and events: all bytes but letters, digits and - . _ ~ become %XX. */
export function uriEncoded(key: Buffer): string {
  return key.toString('latin1').replaceAll(/[^\w.~-]/g, percent);
}

/**
 * Returns the form for lines in which memcached prints keys raw (cachedump, detail). A plain key stays as it is, as
 * Latin-1. In any other key all bytes but printable ASCII, and percent signs, become %XX.
 */
export function lineKey(key: Buffer): string {
  const text = key.toString('latin1');
  return isPlainKey(key) ? text : text.replaceAll(/[^!-$&-~]/g, percent);
}

/** True for a key that a text command can name and that cannot control a terminal that shows it. */
export function isPlainKey(key: Buffer): boolean {
  if (!key.every((byte) => byte > SPACE && byte !== DELETE)) return false;
  const text = key.toString('latin1');
  return !(isUtf8(key) ? STEERING_UTF8 : C1).test(text);
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
