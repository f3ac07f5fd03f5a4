// Random sequences of meta commands with every flag, including flags that mean nothing to a command, between text commands
// that touch the same keys. Tokens are the item's own, an older one, a newer one, or none.
//
// Debian's 1.6.18 does not do everything as 1.6.45 does: such commands are translated for it, or left out
// (docs/protocol.md, "Differences of memcached 1.6.18"). Some are left out for every version, because the servers are meant to
// differ there ("Deliberate differences from memcached"). These are md x, P async, t between N and T, the TTL of an
// item that has just expired, and numbers that become longer.

import * as fc from 'fast-check';

export interface MetaCommand {
  /** The name of the key; its first byte says how it is sent: b in base64. */
  readonly key: string;
  /** The line with the key as KEY and the token of the item as TOKEN, and its data block. */
  readonly line: string;
  /** The lines for an older memcached: one for Cairn, and several for memcached, whose last reply counts. */
  readonly older: { readonly ours: string; readonly theirs: readonly string[] };
}

const NEWER_TOKEN = '1152921504606846976';
/** Values of this key are numbers, so long that no command here makes them longer. */
const NUMBERS = 'n';

const TTLS = ['0', '15', '50', '500', '500', '2000000000', '-1'];
const tokens = (letter: string): string[] => TTLS.map((ttl) => `${letter}${ttl}`);
const RETURNED = ['c', 'f', 'h', 'k', 'l', 's', 't', 'Oopaque', 'q', 'v', 'u', 'Px', 'Ly'];
const COMPARED = ['CTOKEN', 'CTOKEN', 'C1', 'C0', `C${NEWER_TOKEN}`];
const CHOSEN = ['E77777', 'E4294967296'];
const RECACHED = ['R0', 'R30', 'R100', 'R2000000000', 'R-1'];

const FLAGS = {
  mg: [
    ...RETURNED,
    ...tokens('N'),
    ...tokens('T'),
    ...RECACHED,
    ...COMPARED,
    ...CHOSEN,
    'I',
    'F5',
    'MS',
    'J1',
    'D1',
  ],
  ms: [
    ...RETURNED,
    ...tokens('T'),
    'F5',
    'F4294967295',
    'I',
    'I',
    ...COMPARED,
    ...CHOSEN,
    'N50',
    'R30',
    'J1',
    'D1',
  ],
  md: [
    ...RETURNED,
    ...tokens('T'),
    'I',
    'I',
    'I',
    ...COMPARED,
    ...CHOSEN,
    'F5',
    'N50',
    'R30',
    'MS',
    'J1',
    'D1',
  ],
  ma: [
    ...RETURNED,
    ...tokens('N'),
    ...tokens('T'),
    'J1000',
    'D2',
    'D7',
    ...COMPARED,
    ...CHOSEN,
    'I',
    'F5',
    'R30',
  ],
};
const MODES = ['', '', '', 'MS', 'ME', 'MR', 'MA', 'MP'];
const DIRECTIONS = ['', '', 'MI', 'M+', 'MD', 'M-'];
const KEYS = ['a', 'a', 'b', NUMBERS];

/** Draws one flag per letter, in any order. */
function flagsOf(choices: readonly string[]): fc.Arbitrary<string[]> {
  return fc
    .array(fc.constantFrom(...choices), { maxLength: 9 })
    .map((list) => list.filter((flag, i) => list.findIndex((other) => other[0] === flag[0]) === i));
}

function dataOf(key: string): fc.Arbitrary<string> {
  return key === NUMBERS
    ? fc.constantFrom('1000', '5000', '18446744073709551000')
    : fc.constantFrom('', 'x', 'text', 'v'.repeat(3000));
}

/** Removes the flags that the servers are meant to answer differently. */
function comparable(flags: readonly string[]): string[] {
  const line = flags.join(' ');
  const isPast = flags.includes('T-1') || flags.includes('N-1');
  const isBetween = /[NT]\S+ (?:\S+ )*t(?: \S+)* [NT]\S/.test(line);
  return isPast || isBetween ? flags.filter((flag) => flag !== 't') : [...flags];
}

function has(flags: readonly string[], letter: string): boolean {
  return flags.some((flag) => flag.startsWith(letter));
}

function without(flags: readonly string[], letters: string): string[] {
  return flags.filter((flag) => !letters.includes(flag[0]!));
}

function those(flags: readonly string[], letter: string): string[] {
  return flags.filter((flag) => flag.startsWith(letter));
}

function lineOf(words: readonly string[], data?: string): string {
  const line = words.filter((word) => word !== '').join(' ');
  return data === undefined ? `${line}\r\n` : `${line}\r\n${data}\r\n`;
}

const mg = fc.tuple(fc.constantFrom(...KEYS), flagsOf(FLAGS.mg)).map(([key, all]) => {
  const flags = comparable(all);
  // Older versions do not compare the value that the client has already.
  const known = without(flags, 'C');
  const older = {
    ours: lineOf(['mg', 'KEY', ...known]),
    theirs: [lineOf(['mg', 'KEY', ...without(known, 'E')])],
  };
  return { key, line: lineOf(['mg', 'KEY', ...flags]), older };
});

const ms = fc.constantFrom(...KEYS).chain((key) =>
  fc.tuple(flagsOf(FLAGS.ms), fc.constantFrom(...MODES), dataOf(key)).map(([all, mode, data]) => {
    const joins = mode === 'MA' || mode === 'MP';
    const creates = joins && has(all, 'N');
    // An older version is first asked to add nothing: a token would then find that item.
    const flags = creates ? without(all, 'CI') : all;
    const head = ['ms', 'KEY', String(data.length)];
    const line = lineOf([...head, ...all, mode], data);
    const ours = lineOf([...head, ...without(flags, 's'), mode], data);
    const join = lineOf([...head, ...without(flags, creates ? 'EsN' : 'Es'), mode], data);
    const add = lineOf(['ms', 'KEY', '0', 'ME', 'T50', ...those(flags, 'F')], '');
    return { key, line, older: { ours, theirs: creates ? [add, join] : [join] } };
  }),
);

const md = fc.tuple(fc.constantFrom(...KEYS), flagsOf(FLAGS.md)).map(([key, flags]) => ({
  key,
  line: lineOf(['md', 'KEY', ...flags]),
  older: {
    ours: lineOf(['md', 'KEY', ...flags]),
    theirs: [lineOf(['md', 'KEY', ...without(flags, 'E')])],
  },
}));

const ma = fc
  .tuple(
    fc.constantFrom(...KEYS, NUMBERS, NUMBERS),
    flagsOf(FLAGS.ma),
    fc.constantFrom(...DIRECTIONS),
  )
  .map(([key, all, mode]) => {
    const creates = has(all, 'N');
    const seeded = creates && !has(all, 'J') ? [...all, 'J1000'] : all;
    const flags = comparable(seeded);
    // q hides the reply of older versions only when the number was there.
    const shown = creates ? without(flags, 'q') : flags;
    const older = {
      ours: lineOf(['ma', 'KEY', ...shown, mode]),
      theirs: [lineOf(['ma', 'KEY', ...without(shown, 'E'), mode])],
    };
    return { key, line: lineOf(['ma', 'KEY', ...flags, mode]), older };
  });

/** Text commands do not use the base64 keys: the servers would show those differently. */
const text = fc
  .tuple(
    fc.constantFrom('a', NUMBERS),
    fc.constantFrom(
      'get KEY\r\n',
      'gets KEY\r\n',
      'gat 500 KEY\r\n',
      'gat 15 KEY\r\n',
      'touch KEY 50\r\n',
      'touch KEY 0\r\n',
      'incr KEY 7\r\n',
      'decr KEY 2\r\n',
      'delete KEY\r\n',
      'set KEY 7 50 4\r\n1000\r\n',
      'add KEY 7 0 4\r\n5000\r\n',
      'append KEY 0 0 1\r\n0\r\n',
      'cas KEY 3 15 4 TOKEN\r\n1000\r\n',
      'cas KEY 3 15 4 0\r\n1000\r\n',
    ),
  )
  .map(([key, line]) => plain(key, line));

export const metaSequence: fc.Arbitrary<MetaCommand[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: mg },
    { weight: 4, arbitrary: ms },
    { weight: 3, arbitrary: md },
    { weight: 3, arbitrary: ma },
    { weight: 2, arbitrary: text },
  ),
  { minLength: 2, maxLength: 12 },
);

/** Asks for everything known about a key at the end: its value, its marks, its expiry. */
export function finalLine(key: string): MetaCommand {
  const line = lineOf(['mg', 'KEY', 'u', 'h', 't', 'f', 's', 'v']);
  return plain(key, line);
}

/** Returns a command that is the same for all versions. */
function plain(key: string, line: string): MetaCommand {
  return { key, line, older: { ours: line, theirs: [line] } };
}

export const FINAL_KEYS = [...new Set(KEYS)];
