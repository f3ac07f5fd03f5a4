// A key as a word of a request. Meta commands can name every key: a key with spaces or control characters goes in
// base64, with the flag `b`. Pure.

const SPACE = 0x20;
const DELETE = 0x7f;

/** Checks whether a text command can name the key. */
export function isPlainKey(key: Buffer): boolean {
  return key.every((byte) => byte > SPACE && byte !== DELETE);
}

/** Returns the key as meta commands name it, as latin1. Base64 makes it a third longer. */
export function wordOfKey(key: Buffer): string {
  return key.toString(isPlainKey(key) ? 'latin1' : 'base64');
}
