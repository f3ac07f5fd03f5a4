// Generators of client sessions for the differential test: well-formed commands beside edge-case numbers, wrong lines and
// blocks of a wrong length, in the text, the meta and the binary protocol.
//
// Requests that 1.6.18 does not know yet are translated for it, and must have the same outcome: flag E is left out (tokens
// are hidden anyway), and `ms … MA N` becomes an add of nothing and an append.
//
// Some requests are left out, because the two servers are meant to differ there (docs/protocol.md, "Deliberate differences from
// memcached"): exptimes above 2^31 - 1, values within 250 bytes of the limit, the short forms of set, ms s and
// md x. So is everything that depends on how each server counts its CAS tokens: a token in a request is one that neither
// server has given.

import * as fc from 'fast-check';
import { arithmeticExtras, exptimeExtras, packet, setExtras } from '../support/binary-packets.js';

/** Stands in a command for a prefix that is new for each session, so that sessions do not share keys. */
export const SESSION = '@@@@@@@@';

/** A command with its translation for memcached: the replies to everything before PREPARED are not compared. */
interface Translated {
  readonly ours: string;
  readonly theirs: string;
}
export type TextCommand = string | Translated;
/** Reads a key that never exists. */
export const PREPARED = 'mg ~prepared k\r\n';
const NO_TOKEN = '1152921504606846976';

const keys = [`${SESSION}a`, `${SESSION}b`, `${SESSION}n`];
const key = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...keys) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      `${SESSION}${'k'.repeat(242)}`,
      `${SESSION}${'k'.repeat(243)}`,
      `${SESSION}☃ü`,
      `${SESSION}\t`,
      '',
    ),
  },
);
const flags = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('0', '7', '4294967295') },
  { weight: 1, arbitrary: fc.constantFrom('-1', '4294967296', 'abc', '1.5', '0x10', '') },
);
const exptime = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('0', '100', '2592000', '2147483647') },
  { weight: 2, arbitrary: fc.constantFrom('-1', '2592001', '-2147483648') },
  { weight: 1, arbitrary: fc.constantFrom('abc', '1.5', '9999999999999999999999') },
);
const data = fc.oneof(
  fc.constantFrom('', 'x', '10', '0', '18446744073709551615', '18446744073709551616', ' 5', '7 '),
  fc.constantFrom('-1', 'text', 'two\r\nlines', '\0\u0001ÿ', 'v'.repeat(5000)),
);
const delta = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('0', '1', '9', '100', '18446744073709551615') },
  { weight: 1, arbitrary: fc.constantFrom('-1', '18446744073709551616', 'abc', '1.5', '') },
);
const noreply = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constant(' noreply') },
);
/** The difference between the announced length of a block and the true one. */
const misfit = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(-2, -1, 1, 2) },
);

const storage = fc
  .record({
    command: fc.constantFrom('set', 'set', 'set', 'add', 'replace', 'append', 'prepend', 'cas'),
    key,
    flags,
    exptime,
    data,
    misfit,
    noreply,
  })
  .map((each) => {
    const bytes = Buffer.byteLength(each.data, 'latin1') + each.misfit;
    const token = each.command === 'cas' ? ` ${NO_TOKEN}` : '';
    const head = `${each.command} ${each.key} ${each.flags} ${each.exptime} ${bytes}${token}`;
    return `${head}${each.noreply}\r\n${each.data}\r\n`;
  });

/** Keys are never too long: 1.6.18 then forgets replies to earlier commands that it had not sent yet. */
const some = fc
  .array(fc.constantFrom(...keys, `${SESSION}☃ü`), { minLength: 1, maxLength: 4 })
  .map((list) => list.join(' '));

const line = fc.oneof(
  fc.tuple(fc.constantFrom('get', 'get', 'gets'), some).map(([name, list]) => `${name} ${list}`),
  fc
    .tuple(fc.constantFrom('gat', 'gats'), exptime, some)
    .map(([name, time, list]) => `${name} ${time} ${list}`),
  fc
    .tuple(fc.constantFrom('incr', 'decr'), fc.constantFrom(...keys), delta, noreply)
    .map(([name, each, by, quiet]) => `${name} ${each} ${by}${quiet}`),
  fc.tuple(key, exptime, noreply).map(([each, time, quiet]) => `touch ${each} ${time}${quiet}`),
  fc
    .tuple(key, fc.constantFrom('', '', '', ' 0', ' 10', ' foo', ' a b c'), noreply)
    .map(([each, more, quiet]) => `delete ${each}${more}${quiet}`),
);

const oddLine = fc.constantFrom(
  'get',
  'gets',
  'set',
  'set k',
  `add ${SESSION}a 0`,
  'delete',
  'incr',
  `incr ${SESSION}a`,
  'touch',
  `touch ${SESSION}a`,
  '',
  ' ',
  'GET k',
  'nonsense',
  'nonsense with words',
  'verbosity',
  'verbosity 1',
  'verbosity 1 noreply',
  'verbosity a b c',
  'verbosity noreply',
  'version',
  'version foo bar',
  'flush_all',
  'flush_all 0',
  'flush_all -1',
  'flush_all noreply',
  'flush_all 0 noreply',
  'stats detail',
  'stats sizes',
  'stats cachedump',
  'stats cachedump 1',
  'stats cachedump 255 0',
  'lru_crawler metadump',
  'slabs reassign 1',
  'gats',
  `gat abc ${SESSION}a`,
  `cas ${SESSION}a 0 0 1`,
  'flush_all abc',
  'stats bogus',
  'stats detail foo',
  'cache_memlimit',
  'cache_memlimit abc',
  'cache_memlimit 1',
  'cache_memlimit 100',
  'slabs',
  'slabs automove',
  'slabs automove invalid',
  'lru tune',
  'lru_crawler',
  'mn',
  `  get   ${SESSION}a   ${SESSION}b  `,
  'x'.repeat(1500),
);

export const textCommand = fc.oneof(
  { weight: 5, arbitrary: storage },
  { weight: 6, arbitrary: line.map((each) => `${each}\r\n`) },
  { weight: 1, arbitrary: oddLine.map((each) => `${each}\r\n`) },
);

/** Draws the flags of one meta command, and now and then a wrong one: of two, each server would name another. */
function metaFlags(choices: readonly string[], wrong: readonly string[]): fc.Arbitrary<string> {
  const mistake = fc.oneof(
    { weight: 6, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.constantFrom(...wrong).map((flag) => [flag]) },
  );
  return fc
    .tuple(fc.shuffledSubarray([...choices]), mistake)
    .map(([list, more]) => [...list, ...more].map((flag) => ` ${flag}`).join(''));
}

// The opaque is never too long: 1.6.18 has acted by the time it finds that.
const wrong = ['zz', 'Tabc', 'k k'];
const anyGetFlags = metaFlags(
  ['v', 'f', 's', 'k', 'q', 'O1', 'N30', 'T300', 'R20', 't', 'h', 'l', 'u', 'c', `C${NO_TOKEN}`],
  [...wrong, 'Nabc'],
);
/** Between N and T memcached answers the TTL of the first. */
const getFlags = anyGetFlags.map((list) =>
  / [NT]\d+.* t\b.* [NT]\d/.test(list) ? list.replace(/ t\b/, '') : list,
);
const setFlags = metaFlags(['k', 'q', 'O2', 'F5', 'T300', 'I', 'c'], [...wrong, 'Fabc', 'MZ', 'v']);
const deleteFlags = metaFlags(['q', 'k', 'O3', 'I', 'T30'], [...wrong, `C${NO_TOKEN}`]);
const countFlags = ['v', 'k', 'O4', 'D2', 'MI', 'T300', 't', 'c'];
/** Without q: 1.6.18 answers when it creates the counter. */
const createFlags = ['v', 'k', 'O4', 'N30', 'J13', 'D2', 't', 'c'];
const wrongCounts = ['zz', 'Tabc', 'k k', 'Dabc', 'MZ'];
const arithmeticFlags = fc.oneof(
  metaFlags(countFlags, wrongCounts),
  metaFlags([...countFlags, 'q'], wrongCounts),
  metaFlags(createFlags, wrongCounts),
);
/** These keys are used in this form alone, so that no other form of the key is requested. */
const encodedKeys = [`${SESSION.slice(0, 8)}QUJD`, `${SESSION.slice(0, 8)}QUI=`];
const modes = fc.constantFrom('', '', '', ' MS', ' ME', ' MA', ' MP', ' MR', ' Mappend');

/** Requests with flag E, whose effect is not compared: tokens are hidden. */
const newer = fc
  .tuple(key, setFlags, modes, data, fc.constantFrom('E7', 'E18446744073709551615'))
  .map(([each, more, mode, value, chosen]) => {
    const line = `ms ${each} ${Buffer.byteLength(value, 'latin1')}${more}${mode}`;
    const end = `\r\n${value}\r\n`;
    return { ours: `${line} ${chosen}${end}`, theirs: line + end };
  });

/** Appends or prepends, or creates with a TTL. */
const joinOrCreate = fc
  .tuple(
    fc.constantFrom(...keys),
    fc.constantFrom('MA', 'MP'),
    data,
    fc.constantFrom(' q', ' k c', ''),
  )
  .map(([each, mode, value, more]) => {
    const start = `ms ${each} ${Buffer.byteLength(value, 'latin1')} ${mode} F5`;
    const end = `${more}\r\n${value}\r\n`;
    const add = `ms ${each} 0 ME T30 F5\r\n\r\n`;
    return { ours: `${start} N30${end}`, theirs: `${add}${PREPARED}${start}${end}` };
  });

export const metaCommand: fc.Arbitrary<TextCommand> = fc.oneof(
  newer,
  joinOrCreate,
  fc
    .tuple(fc.constantFrom(...keys), fc.constantFrom('', ' b', ' zz'))
    .map(([each, more]) => `me ${each}${more}\r\n`),
  fc
    .tuple(
      fc.constantFrom('mg', 'md'),
      fc.constantFrom(...encodedKeys),
      fc.constantFrom(' k', ' q', ''),
    )
    .map(([name, each, more]) => `${name} ${each} b${more}\r\n`),
  fc
    .tuple(fc.constantFrom(...encodedKeys), fc.constantFrom(' k', ' q', ''))
    .map(([each, more]) => `ms ${each} 1 b${more}\r\nx\r\n`),
  fc.tuple(key, getFlags).map(([each, more]) => `mg ${each}${more}\r\n`),
  fc
    .tuple(key, setFlags, modes, data, misfit)
    .map(
      ([each, more, mode, value, off]) =>
        `ms ${each} ${Buffer.byteLength(value, 'latin1') + off}${more}${mode}\r\n${value}\r\n`,
    ),
  fc.tuple(key, deleteFlags).map(([each, more]) => `md ${each}${more}\r\n`),
  fc
    .tuple(fc.constantFrom(...keys), arithmeticFlags, fc.constantFrom('', '', ' MD', ' M-', ' M+'))
    .map(([each, more, mode]) => `ma ${each}${more}${mode}\r\n`),
  fc.constantFrom('mg\r\n', 'ms\r\n', 'md\r\n', 'ma\r\n', 'me\r\n', `ms ${keys[0]}\r\n`),
  storage,
);

const binaryKey: fc.Arbitrary<string> = fc.constantFrom(...keys, ...keys, `${SESSION}nul\0`);
const seconds = fc.constantFrom(0, 0, 100, 2_592_001);
const u64 = fc.constantFrom(0n, 1n, 9n, 2n ** 64n - 1n);
const quietBit = (plain: number, quiet: number): fc.Arbitrary<number> =>
  fc.constantFrom(plain, plain, quiet);

export const binaryCommand: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(fc.constantFrom(0x00, 0x09, 0x0c, 0x0d), binaryKey)
    .map(([opcode, each]) => packet(opcode, { key: each })),
  fc
    .tuple(
      fc.constantFrom(0x01, 0x01, 0x11, 0x02, 0x12, 0x03, 0x13),
      binaryKey,
      fc.constantFrom(0, 7, 0xffffffff),
      seconds,
      data,
      fc.constantFrom(0n, 0n, 0n, BigInt(NO_TOKEN)),
    )
    .map(([opcode, each, clientFlags, time, value, cas]) =>
      packet(opcode, { key: each, extras: setExtras(clientFlags, time), value, cas }),
    ),
  fc
    .tuple(fc.constantFrom(0x0e, 0x19, 0x0f, 0x1a), binaryKey, data)
    .map(([opcode, each, value]) => packet(opcode, { key: each, value })),
  fc.tuple(quietBit(0x04, 0x14), binaryKey).map(([opcode, each]) => packet(opcode, { key: each })),
  fc
    .tuple(
      fc.oneof(quietBit(0x05, 0x15), quietBit(0x06, 0x16)),
      binaryKey,
      u64,
      u64,
      fc.constantFrom(0, 100, 0xffffffff),
    )
    .map(([opcode, each, by, initial, time]) =>
      packet(opcode, { key: each, extras: arithmeticExtras(by, initial, time) }),
    ),
  fc
    .tuple(fc.constantFrom(0x1c, 0x1d, 0x1e, 0x23, 0x24), binaryKey, seconds)
    .map(([opcode, each, time]) => packet(opcode, { key: each, extras: exptimeExtras(time) })),
  fc.constantFrom(0x0a, 0x0b, 0x08, 0x18, 0x1b, 0x20, 0x50, 0xff).map((opcode) => packet(opcode)),
  fc.constantFrom(0x08, 0x18).map((opcode) => packet(opcode, { extras: exptimeExtras(0) })),
  fc.tuple(binaryKey, fc.constantFrom(0x04, 0x05)).map(([each, opcode]) =>
    packet(opcode, {
      key: each,
      cas: BigInt(NO_TOKEN),
      extras: opcode === 0x04 ? Buffer.alloc(0) : arithmeticExtras(1n, 0n, 0xffffffff),
    }),
  ),
  // Wrong shapes are answered with status 4, and then the connection is closed.
  fc.constantFrom(
    packet(0x00),
    packet(0x01, { key: `${SESSION}a`, value: 'no extras' }),
    packet(0x00, { key: 'k'.repeat(251) }),
  ),
);
