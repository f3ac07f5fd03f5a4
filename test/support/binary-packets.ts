// Packets of the binary protocol, made and taken apart by hand: tests of our own parser must not depend on that parser.

const HEADER_BYTES = 24;

export interface PacketFields {
  readonly key?: string;
  readonly extras?: Buffer;
  readonly value?: string;
  readonly opaque?: number;
  readonly cas?: bigint;
  /** Announced lengths, for packets that announce wrong ones. */
  readonly keyBytes?: number;
  readonly extrasBytes?: number;
  readonly bodyBytes?: number;
}

/** Returns the bytes of a request. */
export function packet(opcode: number, fields: PacketFields = {}): Buffer {
  const key = Buffer.from(fields.key ?? '', 'latin1');
  const extras = fields.extras ?? Buffer.alloc(0);
  const value = Buffer.from(fields.value ?? '', 'latin1');
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt16BE(fields.keyBytes ?? key.length, 2);
  header[4] = fields.extrasBytes ?? extras.length;
  header.writeUInt32BE(fields.bodyBytes ?? key.length + extras.length + value.length, 8);
  header.writeUInt32BE(fields.opaque ?? 0xdeadbeef, 12);
  header.writeBigUInt64BE(fields.cas ?? 0n, 16);
  return Buffer.concat([header, extras, key, value]);
}

/** Returns the extras of set, add and replace. */
export function setExtras(flags: number, exptime: number): Buffer {
  const extras = Buffer.alloc(8);
  extras.writeUInt32BE(flags, 0);
  extras.writeUInt32BE(exptime, 4);
  return extras;
}

/** Returns the extras of incr and decr. */
export function arithmeticExtras(delta: bigint, initial: bigint, expiration: number): Buffer {
  const extras = Buffer.alloc(20);
  extras.writeBigUInt64BE(delta, 0);
  extras.writeBigUInt64BE(initial, 8);
  extras.writeUInt32BE(expiration, 16);
  return extras;
}

/** Returns the extras of touch, gat and flush. */
export function exptimeExtras(exptime: number): Buffer {
  const extras = Buffer.alloc(4);
  extras.writeUInt32BE(exptime, 0);
  return extras;
}

export interface Response {
  readonly opcode: number;
  readonly status: number;
  readonly extras: string;
  readonly key: string;
  readonly value: string;
  readonly opaque: number;
  readonly cas: bigint;
}

/** Returns the responses in `bytes`, which must be whole. */
export function responses(bytes: Buffer): Response[] {
  const found: Response[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== 0x81) throw new Error(`No response begins at byte ${at}`);
    const keyStart = at + HEADER_BYTES + bytes[at + 4]!;
    const valueStart = keyStart + bytes.readUInt16BE(at + 2);
    const end = at + HEADER_BYTES + bytes.readUInt32BE(at + 8);
    if (end > bytes.length) throw new Error(`The response at byte ${at} is cut off`);
    found.push({
      opcode: bytes[at + 1]!,
      status: bytes.readUInt16BE(at + 6),
      extras: bytes.toString('latin1', at + HEADER_BYTES, keyStart),
      key: bytes.toString('latin1', keyStart, valueStart),
      value: bytes.toString('latin1', valueStart, end),
      opaque: bytes.readUInt32BE(at + 12),
      cas: bytes.readBigUInt64BE(at + 16),
    });
    at = end;
  }
  return found;
}
