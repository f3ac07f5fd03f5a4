// The reader of the lines of set, add, replace, append, prepend and cas, in memcached's form and in the short
// forms of the plain dialect: `set <key> <bytes>[ <flags>]` (docs/protocol.md, "The plain dialect").
//
// Invariant: a refused line still gives the length of its block if that can be read, so that the client gets exactly
// one reply and the next command is found.

import { type LineContext, saysNoreply } from './line-context.js';
import { readExptime, readUint64, readUnsigned } from '../numbers.js';
import type { PutRequestMode } from '../request.js';
import type { StorageLine } from './storage-line.js';
import type { Words } from './words.js';

/** memcached's limit on an announced length. */
const ANNOUNCED_BYTES_MAX = 2_147_483_645;
const TWO_POW_32 = 2 ** 32;
const KEY = 1;
const FLAGS = 2;
const EXPTIME = 3;
const BYTES = 4;
const CAS = 5;

/** Checks for `set` without making a string, because most writes are sets. */
export function isSet(bytes: Buffer, start: number): boolean {
  return bytes[start] === 0x73 && bytes[start + 1] === 0x65 && bytes[start + 2] === 0x74;
}

/** Fills `line` from the words of a storage command; a mistake goes to `line.error`. */
export function readStorageLine(
  line: StorageLine,
  context: LineContext,
  mode: PutRequestMode,
  withCas: boolean,
): void {
  const { words, options, forms } = context;
  const quiet = saysNoreply(words);
  line.reset(quiet ? forms.quiet : forms.normal, mode);
  const numbers = words.count - 2 - (quiet ? 1 : 0);
  if (options.shortForms && mode === 'set' && !withCas && (numbers === 1 || numbers === 2)) {
    readShortForm(line, words, numbers === 2);
  } else {
    readFullForm(line, words, withCas);
  }
  if (words.lengthOf(KEY) > options.keyBytesMax) line.error = 'bad-line';
  else if (words.count > KEY) line.setKey(words.bytes, words.starts[KEY], words.ends[KEY]);
}

function readFullForm(line: StorageLine, words: Words, withCas: boolean): void {
  if (words.count <= BYTES) {
    line.error = 'bad-line';
    return;
  }
  line.valueBytes = readLength(words, BYTES);
  line.flags = readFlags(words, FLAGS);
  line.exptime = readExptime(words.bytes, words.starts[EXPTIME]!, words.ends[EXPTIME]!);
  if (Number.isNaN(line.valueBytes + line.flags + line.exptime)) line.error = 'bad-line';
  if (!withCas) return;
  if (words.count > CAS) {
    line.compareCas = readUint64(words.bytes, words.starts[CAS]!, words.ends[CAS]!);
  }
  if (line.compareCas === undefined) line.error = 'bad-line';
}

function readShortForm(line: StorageLine, words: Words, withFlags: boolean): void {
  line.tolerant = true;
  line.valueBytes = readLength(words, 2);
  line.flags = withFlags ? readFlags(words, 3) : 0;
  if (Number.isNaN(line.valueBytes + line.flags)) line.error = 'bad-line';
}

/** Reads the length of a data block in bytes, or NaN. */
export function readLength(words: Words, index: number): number {
  const length = readUnsigned(words.bytes, words.starts[index]!, words.ends[index]!);
  return length <= ANNOUNCED_BYTES_MAX ? length : Number.NaN;
}

/** Reads client flags. As in memcached, larger numbers are accepted and 32 bits of them are kept. */
function readFlags(words: Words, index: number): number {
  return readUnsigned(words.bytes, words.starts[index]!, words.ends[index]!) % TWO_POW_32;
}
