// Formats besides dumps that people give to kv-load, recognised by their first bytes. A table is read. For any other
// file the message names its format and the way to make a dump of it, instead of a line that is not JSON. Pure.

const GZIP = Buffer.from([0x1f, 0x8b]);
const TOOL = 'memcached-tool <host:port> restore';

const MAGICS: readonly (readonly [Buffer, string])[] = [
  [
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    'compressed by zstd: zstdcat <file> | kv-load <target> -',
  ],
  [
    Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]),
    'compressed by xz: xzcat <file> | kv-load <target> -',
  ],
  [Buffer.from('BZh'), 'compressed by bzip2: bzcat <file> | kv-load <target> -'],
  [Buffer.from('PK\x03\x04'), 'a zip archive: unzip -p <file> | kv-load <target> -'],
  [Buffer.from('REDIS'), 'a file of Redis (RDB), which is not read'],
  [Buffer.from('SQLite format 3\0'), 'a database of SQLite, which is not read'],
  [Buffer.from('cairn'), 'a file of a data directory, not a dump: kv-dump <dir> makes one'],
];

/** Both kinds of a unit of two or four bytes. A dump begins with a visible ASCII character, so its other bytes are 0. */
const WIDE: readonly (readonly [RegExp, string])[] = [
  [/^(?:\xff\xfe\0\0|\0\0\xfe\xff|[!-~]\0\0\0|\0\0\0[!-~])/, 'UTF-32'],
  [/^(?:\xff\xfe|\xfe\xff)/, 'UTF-16'],
  [/^[!-~]\0[^\0]/, 'UTF-16LE'],
  [/^\0[!-~]\0/, 'UTF-16BE'],
];
/** A tar archive has its magic behind the name and the numbers of its first file. */
const TAR = { magic: 'ustar', offset: 257 };

const ONE_LINE_EACH = 'jq -c ".entries[]" <file> | kv-load <target> - --partial';
/** A first line of two or more columns, of which the first may be in quotes. */
const CSV = /^(?:"[^"\r\n]*"|[^",[{<\r\n]*),/;
const COMMAS = 'kv-load wants commas, as of Save as CSV, or of mlr --ifs';
/** Patterns for the text after a byte order mark. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/^\{\s*\r?\n/, `pretty-printed JSON; kv-load wants one entry on each line: ${ONE_LINE_EACH}`],
  [
    /^\{\s*"format"\s*:\s*"cairn-snapshot".{0,400}"entries"[ \t]*:[ \t]*\[[ \t]*\{/,
    `a dump that was put on one line; kv-load wants one entry on each line: ${ONE_LINE_EACH}`,
  ],
  [
    /^\[/,
    'a JSON array; kv-load wants one entry on each line: jq -c ".[]" <file> | kv-load <target> - --partial',
  ],
  [/^(?:add|set) \S+ \d+ -?\d+ \d+\r?\n/, `a dump of memcached-tool, for a server: ${TOOL}`],
  [
    /^"?[\w .-]+"?;/,
    `a table with semicolons between its columns; ${COMMAS} ';' --icsv --ocsv cat <file> | kv-load <target> -`,
  ],
  [
    /^"?[\w .-]+"?\t/,
    `a table with tabs between its columns; ${COMMAS} tab --icsv --ocsv cat <file> | kv-load <target> -`,
  ],
  [/^\*\d+\r?\n\$\d+\r?\n/, 'a file of Redis (AOF), which is not read'],
  [/^<(?:!doctype|html|\?xml)/i, 'HTML or XML: was it the answer of a web server?'],
];

export function isGzip(head: Buffer): boolean {
  return head.subarray(0, GZIP.length).equals(GZIP);
}

/** Returns the format of a file that begins with `head`, and what to do with it; undefined when it may be a dump. */
export function foreignFormat(head: Buffer): string | undefined {
  for (const [magic, what] of MAGICS) if (head.subarray(0, magic.length).equals(magic)) return what;
  if (isGzip(head)) return 'gzipped twice: zcat <file> | kv-load <target> -';
  const [, wide] = WIDE.find(([pattern]) => pattern.test(head.toString('latin1', 0, 4))) ?? [];
  if (wide !== undefined)
    return `${wide}: iconv -f ${wide} -t UTF-8 <file> | kv-load <target> - (or dump with --out, not with >)`;
  if (/^(?!\s)\p{Cc}/u.test(head.toString('latin1', 0, 1))) return 'a binary file, not a dump';
  if (head.toString('latin1', TAR.offset, TAR.offset + TAR.magic.length) === TAR.magic)
    return 'a tar archive: tar xf <file>, and then name a dump in it';
  return TEXTS.find(([pattern]) => pattern.test(textOf(head)))?.[1];
}

/** Checks whether a file is a JSON dump, which names its fields itself. */
export function isJsonDump(head: Buffer): boolean {
  return /^\{\s*"format"\s*:\s*"cairn-snapshot"/.test(textOf(head));
}

/** Checks whether a file is a CSV. Requires that it has no foreign format. */
export function isCsv(head: Buffer): boolean {
  return CSV.test(textOf(head));
}

function textOf(head: Buffer): string {
  return head.toString('utf8', 0, 1000).replace(/^\ufeff?\s*/, '');
}
