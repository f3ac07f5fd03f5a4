// Conversion of bytes to the form of `hexdump -C`, and back. Golden files and docs/format.md keep bytes in this form, so
// that a difference in a test reads like one on an operator's screen.

const LINE_BYTES = 16;

export function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0'));
    const columns = `${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`.padEnd(49);
    const text = line.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${columns} |${text}|`);
  }
  return `${lines.join('\n')}\n`;
}

/** Returns the bytes of a dump. Lines outside the dump (titles, empty lines) are passed over. */
export function parseHexDump(dump: string): Buffer {
  const lines = dump.split('\n').filter((line) => /^[0-9a-f]{8} {2}/.test(line));
  return Buffer.concat(
    lines.map((line) => Buffer.from(line.slice(10, 60).replaceAll(' ', ''), 'hex')),
  );
}
