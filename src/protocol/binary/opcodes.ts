// The opcodes of the binary protocol and the shape that each request must have (docs/protocol.md, "Binary
// protocol"). Quiet opcodes are the same commands without replies to success.

type BinaryCommand =
  | 'get'
  | 'set'
  | 'add'
  | 'replace'
  | 'append'
  | 'prepend'
  | 'delete'
  | 'incr'
  | 'decr'
  | 'quit'
  | 'flush'
  | 'noop'
  | 'version'
  | 'stat'
  | 'touch'
  | 'get-and-touch'
  | 'sasl-list'
  | 'sasl-auth'
  | 'sasl-step';

export interface Opcode {
  readonly command: BinaryCommand;
  readonly quiet: boolean;
  /** Replies carry the key. */
  readonly withKey: boolean;
  readonly extrasBytes: number;
  /** The extras may be left out (flush). */
  readonly extrasOptional: boolean;
  readonly key: 'needed' | 'allowed' | 'none';
  readonly withValue: boolean;
}

const SET_EXTRAS = 8;
const ARITHMETIC_EXTRAS = 20;
const EXPTIME_EXTRAS = 4;

function opcode(command: BinaryCommand, shape: Partial<Opcode> = {}): Opcode {
  return {
    command,
    quiet: false,
    withKey: false,
    extrasBytes: 0,
    extrasOptional: false,
    key: 'needed',
    withValue: false,
    ...shape,
  };
}

const QUIET = { quiet: true };
const SET = { extrasBytes: SET_EXTRAS, withValue: true };
const APPEND = { withValue: true };
const ARITHMETIC = { extrasBytes: ARITHMETIC_EXTRAS };
const BARE = { key: 'none' } as const;
const FLUSH = { ...BARE, extrasBytes: EXPTIME_EXTRAS, extrasOptional: true };
const TOUCH = { extrasBytes: EXPTIME_EXTRAS };

const TABLE: readonly (readonly [number, Opcode])[] = [
  [0x00, opcode('get')],
  [0x01, opcode('set', SET)],
  [0x02, opcode('add', SET)],
  [0x03, opcode('replace', SET)],
  [0x04, opcode('delete')],
  [0x05, opcode('incr', ARITHMETIC)],
  [0x06, opcode('decr', ARITHMETIC)],
  [0x07, opcode('quit', BARE)],
  [0x08, opcode('flush', FLUSH)],
  [0x09, opcode('get', QUIET)],
  [0x0a, opcode('noop', BARE)],
  [0x0b, opcode('version', BARE)],
  [0x0c, opcode('get', { withKey: true })],
  [0x0d, opcode('get', { ...QUIET, withKey: true })],
  [0x0e, opcode('append', APPEND)],
  [0x0f, opcode('prepend', APPEND)],
  [0x10, opcode('stat', { key: 'allowed' })],
  [0x11, opcode('set', { ...SET, ...QUIET })],
  [0x12, opcode('add', { ...SET, ...QUIET })],
  [0x13, opcode('replace', { ...SET, ...QUIET })],
  [0x14, opcode('delete', QUIET)],
  [0x15, opcode('incr', { ...ARITHMETIC, ...QUIET })],
  [0x16, opcode('decr', { ...ARITHMETIC, ...QUIET })],
  [0x17, opcode('quit', { ...BARE, ...QUIET })],
  [0x18, opcode('flush', { ...FLUSH, ...QUIET })],
  [0x19, opcode('append', { ...APPEND, ...QUIET })],
  [0x1a, opcode('prepend', { ...APPEND, ...QUIET })],
  [0x1c, opcode('touch', TOUCH)],
  [0x1d, opcode('get-and-touch', TOUCH)],
  [0x1e, opcode('get-and-touch', { ...TOUCH, ...QUIET })],
  [0x20, opcode('sasl-list', BARE)],
  [0x21, opcode('sasl-auth', { withValue: true })],
  [0x22, opcode('sasl-step', { withValue: true })],
  [0x23, opcode('get-and-touch', { ...TOUCH, withKey: true })],
  [0x24, opcode('get-and-touch', { ...TOUCH, ...QUIET, withKey: true })],
];

/** The opcodes by number; undefined for an unknown number. */
export const OPCODES: readonly (Opcode | undefined)[] = fill();

function fill(): (Opcode | undefined)[] {
  const all = Array.from<Opcode | undefined>({ length: 256 }).fill(undefined);
  for (const [number, found] of TABLE) all[number] = found;
  return all;
}

/** True when a request's lengths are those of its opcode. */
export function isWellFormed(
  found: Opcode,
  keyBytes: number,
  extrasBytes: number,
  valueBytes: number,
  keyBytesMax: number,
): boolean {
  if (extrasBytes !== found.extrasBytes && !(found.extrasOptional && extrasBytes === 0)) {
    return false;
  }
  if (valueBytes > 0 && !found.withValue) return false;
  if (keyBytes === 0) return found.key !== 'needed';
  return found.key !== 'none' && keyBytes <= keyBytesMax;
}
