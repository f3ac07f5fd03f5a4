// Bytes as text in JSON: base64url.

export function toText(bytes: Buffer): string {
  return bytes.toString('base64url');
}

/** Returns undefined when the text is not base64url. */
export function fromText(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || !/^[\w-]*$/.test(text)) return undefined;
  return Buffer.from(text, 'base64url');
}
