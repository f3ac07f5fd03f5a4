// Hash slots: the one of 16,384 that a key belongs to (Redis cluster specification, "Key distribution model").
//
// Invariant: the slot is that of the whole Redis key with its prefix. Where the key has a tag in braces, only the tag counts.

export const SLOT_COUNT = 16_384;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** CRC-16/XMODEM, a byte at a time. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

export function slotOf(key: Buffer): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf(OPEN_BRACE);
  if (open >= 0) {
    const close = key.indexOf(CLOSE_BRACE, open + 1);
    if (close > open + 1) [start, end] = [open + 1, close];
  }
  let crc = 0;
  for (let at = start; at < end; at += 1) {
    crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ key[at]!]!;
  }
  return crc % SLOT_COUNT;
}

let tags: Uint16Array | undefined;

/** A key `m:{..}` in the slot, for records of the store that are no items. */
export function ownKey(slot: number): Buffer {
  tags ??= slotTags();
  const key = Buffer.from('m:{..}');
  key.writeUInt16BE(tags[slot]!, 3);
  return key;
}

/** Two bytes for each slot, none of them a brace. A CRC of two bytes takes every value once, so each slot has four candidates. */
function slotTags(): Uint16Array {
  const made = new Uint16Array(SLOT_COUNT);
  const bytes = Buffer.alloc(2);
  for (let tag = 0; tag < 2 ** 16; tag += 1) {
    bytes.writeUInt16BE(tag);
    if (!bytes.includes(OPEN_BRACE) && !bytes.includes(CLOSE_BRACE)) made[slotOf(bytes)] = tag;
  }
  return made;
}
