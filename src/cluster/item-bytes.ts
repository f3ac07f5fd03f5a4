// Bytes of an item in a distributed engine: the one layout that the etcd and the Redis store share. Each value in the engine
// holds everything about an item. docs/format.md ("Items in a cluster") has it byte by byte; test/unit/cluster holds golden bytes.
//
// | at | bytes | what |
// |---|---|---|
// | 0 | 1 | version of the layout: 1 |
// | 1 | 1 | marks: 1 stale, 2 won, 4 the CAS field counts |
// | 2 | 2 | 0 |
// | 4 | 4 | the client's flags |
// | 8 | 8 | CAS token, if the marks say that it counts, and otherwise 0 |
// | 16 | 8 | expiry, Unix time in ms; 0: never |
// | 24 | | the value |
//
// Invariants: integers are unsigned and big-endian. Bytes that do not begin with a known version are no item: the code never
// guesses at them, and reports a damaged item.

/** Bytes before the value. */
export const ITEM_HEADER_BYTES = 24;

const VERSION = 1;
const MARK = { stale: 1, won: 2, ownCas: 4 } as const;
const ALL_MARKS = MARK.stale | MARK.won | MARK.ownCas;
const TWO_POW_32 = 2 ** 32;

export interface ItemHeader {
  /** The client's 32 bits. */
  readonly flags: number;
  /** Unix time in ms; 0: never. */
  readonly expiresAt: number;
  readonly stale: boolean;
  readonly won: boolean;
  /** The CAS token, where it is not the one that the engine gives to each write (a touch keeps the token, or a client chose it). */
  readonly ownCas: bigint | undefined;
}

export interface DecodedItem extends ItemHeader {
  /** The value, as a view into the decoded bytes. */
  readonly value: Buffer;
}

/** Encodes an item into a new Buffer; the value is source[start..end). */
export function encodeItem(header: ItemHeader, source: Buffer, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe(ITEM_HEADER_BYTES + end - start);
  const { flags, expiresAt, stale, won, ownCas } = header;
  bytes[0] = VERSION;
  bytes[1] =
    (stale ? MARK.stale : 0) | (won ? MARK.won : 0) | (ownCas === undefined ? 0 : MARK.ownCas);
  bytes[2] = 0;
  bytes[3] = 0;
  bytes.writeUInt32BE(flags, 4);
  bytes.writeBigUInt64BE(ownCas ?? 0n, 8);
  bytes.writeUInt32BE(Math.floor(expiresAt / TWO_POW_32), 16);
  bytes.writeUInt32BE(expiresAt % TWO_POW_32, 20);
  source.copy(bytes, ITEM_HEADER_BYTES, start, end);
  return bytes;
}

/** Decodes an item. Undefined when the bytes are no item of this layout. */
export function decodeItem(bytes: Buffer | undefined): DecodedItem | undefined {
  if (bytes === undefined || bytes.length < ITEM_HEADER_BYTES || bytes[0] !== VERSION)
    return undefined;
  const marks = bytes[1]!;
  if ((marks & ~ALL_MARKS) !== 0 || bytes[2] !== 0 || bytes[3] !== 0) return undefined;
  return {
    value: bytes.subarray(ITEM_HEADER_BYTES),
    flags: bytes.readUInt32BE(4),
    expiresAt: bytes.readUInt32BE(16) * TWO_POW_32 + bytes.readUInt32BE(20),
    stale: (marks & MARK.stale) !== 0,
    won: (marks & MARK.won) !== 0,
    ownCas: (marks & MARK.ownCas) === 0 ? undefined : bytes.readBigUInt64BE(8),
  };
}
