// A key as a word of a request. Meta commands carry every key: in base64, with the flag `b`, where it has spaces or
// control characters. Pure.

const SPACE = 0x20;
const DELETE = 0x7f;

/** Whether a text command can name the key. */
export function isPlainKey(key: Buffer): boolean {
  return key.every((byte) => byte > SPACE && byte !== DELETE);
}

/** The key as meta commands name it, as latin1; a third longer in base64. */
export function wordOfKey(key: Buffer): string {
  return key.toString(isPlainKey(key) ? 'latin1' : 'base64');
}
