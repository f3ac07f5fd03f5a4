// The bytes of keys and values: converted from and to the base64url of the messages, and shown as text, JSON and hex.

const HEX_ROW_BYTES = 16;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function decodeBase64(text: string): Uint8Array {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(standard), (letter) => letter.codePointAt(0)!);
}

export function encodeBase64(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) => String.fromCodePoint(byte)).join('');
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Returns undefined when the bytes are not UTF-8. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Returns the text on one line, with invisible characters as \xNN. */
export function keyText(bytes: Uint8Array): string {
  const text = utf8Of(bytes);
  if (text !== undefined && !UNPRINTABLE.test(text)) return text;
  return Array.from(bytes, (byte) =>
    byte > 0x20 && byte < 0x7f ? String.fromCodePoint(byte) : `\\x${hex(byte)}`,
  ).join('');
}

/** Returns the text with its lines, and with other invisible characters as \xNN. */
export function valueText(bytes: Uint8Array): string {
  const text = utf8Of(bytes);
  if (text !== undefined) return text.replaceAll(/[^\P{Cc}\n\t\r]/gu, escaped);
  return Array.from(bytes, (byte) =>
    byte === 0x0a || (byte >= 0x20 && byte < 0x7f) ? String.fromCodePoint(byte) : `\\x${hex(byte)}`,
  ).join('');
}

function escaped(letter: string): string {
  return `\\x${hex(letter.codePointAt(0)!)}`;
}

/** Returns offset, bytes and ASCII characters, one row for each 16 bytes. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_ROW_BYTES) {
    const row = Array.from(bytes.subarray(at, at + HEX_ROW_BYTES));
    const ascii = row.map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCodePoint(byte) : '.',
    );
    const octets = row
      .map(hex)
      .join(' ')
      .padEnd(HEX_ROW_BYTES * 3 - 1);
    rows.push(`${at.toString(16).padStart(6, '0')}  ${octets}  ${ascii.join('')}`);
  }
  return rows.join('\n');
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/**
 * Returns JSON with line ends and indentation, every number and string unchanged; undefined when the text is not
 * JSON.
 */
export function indentedJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  return tokens
    .map((token, at) => {
      if (token === '{' || token === '[') {
        depth += 1;
        return isEnd(tokens[at + 1]) ? token : token + line();
      }
      if (isEnd(token)) {
        depth -= 1;
        return isBegin(tokens[at - 1]) ? token : line() + token;
      }
      if (token === ',') return token + line();
      return token === ':' ? ': ' : token;
    })
    .join('');
}

function isBegin(token: string | undefined): boolean {
  return token === '{' || token === '[';
}

function isEnd(token: string | undefined): boolean {
  return token === '}' || token === ']';
}
