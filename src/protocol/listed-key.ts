// Keys in listings and events, which are lines of words: a binary key may hold spaces, line ends, any byte, and
// a text key control characters, and none of that may make a word or a line that a parser takes for another
// one's (docs/protocol.md, "Keys in listings").

const SPACE = 0x20;
const DELETE = 0x7f;

/** memcached's form for metadump and events: all but letters, digits and - . _ ~ as %XX. */
export function uriEncoded(key: Buffer): string {
  return key.toString('latin1').replaceAll(/[^\w.~-]/g, percent);
}

/**
 * For lines that memcached prints raw (cachedump, detail): the key as it is, as Latin-1; one that holds a space or a
 * control character with these, and its percent signs, as %XX.
 */
export function lineKey(key: Buffer): string {
  const text = key.toString('latin1');
  return isNameable(key) ? text : text.replaceAll(/[^!-$&-~\x80-\xff]/g, percent);
}

/** A key that a text command can name, and a line can hold. */
export function isNameable(key: Buffer): boolean {
  return key.every((byte) => byte > SPACE && byte !== DELETE);
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
