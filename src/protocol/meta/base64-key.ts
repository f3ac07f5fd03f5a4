// Keys of meta commands with flag b: base64 on the wire, the bytes themselves in the store.

const PAD = 0x3d;

/** Decodes bytes[start..end); undefined when they are not strict base64 of at least one byte. */
export function decodeKey(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const length = end - start;
  if (length === 0 || length % 4 !== 0) return undefined;
  let last = end;
  while (last > end - 2 && bytes[last - 1] === PAD) last--;
  for (let at = start; at < last; at++) if (!isDigit(bytes[at]!)) return undefined;
  return Buffer.from(bytes.toString('latin1', start, end), 'base64');
}

/** True for one of the 64 digits of the standard alphabet. */
function isDigit(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2f
  );
}
