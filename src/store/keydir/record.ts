// A record of the keydir: the layout of its words, and an object with all its fields that is loaded and stored in one step.
//
//   word  0  keyLength u16 << 16 | segment slot u16      free record: 0 << 16 | its own size in words
//         1  frame offset / 8                            free record: next free record of its size
//         2  frame length / 8 (27 bits) << 5 | marks     free record: previous free record of its size
//         3  seq, low 32 bits
//         4  seq, high 16 bits << 16 | expiry, high 16 bits
//         5  expiry (Unix ms), low 32 bits; 0: never
//         6  last use (Unix seconds)
//        [7  the next older record   8  the next newer record: only with recency]
//         …  key bytes, packed little-endian, padded with zeros

/** All fields of a key's record. `segment` is the slot of the segment that holds the frame; units as in Keydir. */
export interface KeydirRecord {
  segment: number;
  offset: number;
  length: number;
  seq: number;
  expiresAt: number;
  marks: number;
  lastUsedSeconds: number;
}

/** Returns a record to load into. */
export function emptyRecord(): KeydirRecord {
  return { segment: 0, offset: 0, length: 0, seq: 0, expiresAt: 0, marks: 0, lastUsedSeconds: 0 };
}
