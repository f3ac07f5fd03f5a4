// The binary protocol: each opcode becomes its request, and each reply its packet.

import { expect } from 'chai';

import { compose } from '../../../../src/protocol/composer.js';
import { Output } from '../../../../src/protocol/output.js';
import type { Reply, ResultStatus } from '../../../../src/protocol/reply.js';
import {
  arithmeticExtras,
  exptimeExtras,
  packet,
  type Response,
  responses,
  setExtras,
} from '../../../support/binary-packets.js';
import { dialogue, type Note, parseChunks } from '../../../support/parsing.js';
import { hitItem } from '../../../support/hit-item.js';

const OPAQUE = 0xdeadbeef;

function parse(...packets: Buffer[]): readonly Note[] {
  return parseChunks([Buffer.concat(packets)]).events;
}

/** Returns the only request in `bytes`, without its form. */
function request(bytes: Buffer): object {
  const events = parse(bytes);
  expect(events).to.have.length(1);
  const { form, ...fields } = events[0]!;
  expect(form).to.include({ wire: 'binary', opcode: bytes[1], opaque: OPAQUE });
  return fields;
}

describe('BinaryParser.next()', () => {
  const get = {
    kind: 'get',
    keys: ['k'],
    last: true,
    wantsValue: true,
    unused: false,
    recachesLast: false,
  };
  const put = { kind: 'put', key: 'k', invalidate: false };
  const stored = { ...put, flags: 5, exptime: 60, valueBytes: 1, value: 'v' };
  const joined = { ...put, flags: 0, exptime: 0, valueBytes: 1, value: 'v' };
  const remove = { kind: 'delete', key: 'k', invalidate: false, dropValue: false };
  const sum = { kind: 'arithmetic', key: 'k', delta: '18446744073709551615n' };
  const numbers = arithmeticExtras(2n ** 64n - 1n, 7n, 30);
  const set = { key: 'k', extras: setExtras(5, 60), value: 'v' };
  const touch = { key: 'k', extras: exptimeExtras(30) };
  const create = { value: '7n', exptime: 30 };
  const cases: readonly (readonly [readonly number[], Parameters<typeof packet>[1], object])[] = [
    [[0x00, 0x09, 0x0c, 0x0d], { key: 'k' }, get],
    [[0x01, 0x11], set, { ...stored, mode: 'set' }],
    [
      [0x01],
      { ...set, cas: 2n ** 64n - 1n },
      { ...stored, mode: 'set', compareCas: '18446744073709551615n' },
    ],
    [[0x02, 0x12], set, { ...stored, mode: 'add' }],
    [[0x02, 0x12], { ...set, cas: 9n }, { ...stored, mode: 'set', compareCas: '9n' }],
    [[0x03, 0x13], set, { ...stored, mode: 'replace' }],
    [
      [0x01],
      { key: 'k', extras: setExtras(0, 0xffffffff), value: '' },
      { ...joined, mode: 'set', exptime: 4_294_967_295, valueBytes: 0, value: '' },
    ],
    [[0x0e, 0x19], { key: 'k', value: 'v' }, { ...joined, mode: 'append' }],
    [[0x0f, 0x1a], { key: 'k', value: 'v' }, { ...joined, mode: 'prepend' }],
    [[0x04, 0x14], { key: 'k' }, remove],
    [[0x04], { key: 'k', cas: 9n }, { ...remove, compareCas: '9n' }],
    [[0x05, 0x15], { key: 'k', extras: numbers }, { ...sum, direction: 'incr', create }],
    [[0x06, 0x16], { key: 'k', extras: numbers }, { ...sum, direction: 'decr', create }],
    [
      [0x05],
      { key: 'k', extras: arithmeticExtras(1n, 7n, 0xffffffff) },
      { ...sum, delta: '1n', direction: 'incr' },
    ],
    [[0x07, 0x17], {}, { kind: 'quit' }],
    [[0x08, 0x18], {}, { kind: 'flush', exptime: 0 }],
    [[0x08], { extras: exptimeExtras(30) }, { kind: 'flush', exptime: 30 }],
    [[0x0a], {}, { kind: 'noop' }],
    [[0x0b], {}, { kind: 'version' }],
    [[0x10], {}, { kind: 'stats', words: [] }],
    [[0x10], { key: 'detail dump' }, { kind: 'stats', words: ['detail', 'dump'] }],
    [[0x1c], touch, { kind: 'touch', key: 'k', exptime: 30 }],
    [[0x1d, 0x1e, 0x23, 0x24], touch, { ...get, touchExptime: 30 }],
    [[0x20], {}, { kind: 'sasl-list' }],
    [
      [0x21],
      { key: 'PLAIN', value: '\0user\0pass word' },
      { kind: 'authenticate', user: 'user', password: 'pass word' },
    ],
    [
      [0x21],
      { key: 'PLAIN', value: 'admin\0user\0' },
      { kind: 'authenticate', user: 'user', password: '' },
    ],
    [
      [0x21],
      { key: 'CRAM-MD5', value: '\0u\0p' },
      { kind: 'authenticate', user: '', password: '' },
    ],
    [[0x21], { key: 'PLAIN', value: 'nonsense' }, { kind: 'authenticate', user: '', password: '' }],
    [[0x22], { key: 'PLAIN', value: '\0u\0p' }, { kind: 'authenticate', user: '', password: '' }],
  ];
  for (const [opcodes, fields, expected] of cases) {
    for (const opcode of opcodes) {
      it(`reads opcode 0x${opcode.toString(16)} as ${JSON.stringify(expected)}`, () => {
        expect(request(packet(opcode, fields))).to.deep.equal(expected);
      });
    }
  }

  it('takes keys of any bytes', () => {
    const key = 'a b\0\r\n\xff';
    expect(request(packet(0x00, { key }))).to.deep.include({ keys: [key] });
  });

  it('answers unknown opcodes, skips their bodies and goes on', () => {
    for (const opcode of [0x1b, 0x1f, 0x25, 0x30, 0xff]) {
      const events = parse(packet(opcode, { key: 'k', value: 'v'.repeat(500) }), packet(0x0a));
      expect(events.map((event) => event['kind'])).to.deep.equal(['answer', 'noop']);
      expect(events[0]).to.deep.include({ reply: { kind: 'error', error: 'unknown-command' } });
      expect(events[0]).to.include({ close: false });
    }
  });

  it('closes after a malformed request', () => {
    const wrong: readonly Buffer[] = [
      packet(0x00),
      packet(0x00, { key: 'k', value: 'v' }),
      packet(0x00, { key: 'k', extras: exptimeExtras(0) }),
      packet(0x00, { key: 'k'.repeat(251) }),
      packet(0x01, { key: 'k', value: 'v' }),
      packet(0x01, { extras: setExtras(0, 0), value: 'v' }),
      packet(0x11, { key: 'k'.repeat(251), extras: setExtras(0, 0) }),
      packet(0x04, { key: 'k', extras: Buffer.alloc(1) }),
      packet(0x05, { key: 'k', extras: Buffer.alloc(8) }),
      packet(0x07, { key: 'k' }),
      packet(0x08, { extras: Buffer.alloc(2) }),
      packet(0x0a, { value: 'v' }),
      packet(0x1c, { key: 'k' }),
      packet(0x21, { key: 'PLAIN', bodyBytes: 100_000 }),
      packet(0x00, { key: 'k', bodyBytes: 0xffffffff }),
    ];
    for (const bytes of wrong) {
      const { events, closed } = parseChunks([Buffer.concat([bytes, packet(0x0a)])]);
      expect(events, bytes.toString('latin1')).to.have.length(1);
      expect(events[0]).to.deep.include({ reply: { kind: 'error', error: 'invalid-arguments' } });
      expect(events[0]).to.include({ close: true });
      expect(closed).to.equal(true);
    }
  });

  it('closes after lengths that contradict each other, and on a wrong magic', () => {
    const events = parse(packet(0x00, { key: 'k', keyBytes: 5 }));
    expect(events[0]).to.deep.include({ reply: { kind: 'error', error: 'unknown-command' } });
    expect(events[0]).to.include({ close: true });
    const mixed = parseChunks([Buffer.concat([packet(0x0a), Buffer.from('get k\r\n')])]);
    expect(mixed.events.map((event) => event['kind'])).to.deep.equal(['noop']);
    expect(mixed.closed).to.equal(true);
  });

  it('skips a value over the limit and passes on its key', () => {
    const big = packet(0x11, { key: 'k', extras: setExtras(0, 0), value: 'x'.repeat(2_000_000) });
    const events = parse(big, packet(0x0a));
    expect(events.map((event) => event['kind'])).to.deep.equal(['oversized-put', 'noop']);
    expect(events[0]).to.include({ key: 'k', valueBytes: 2_000_000 });
  });

  it('gives out in pieces a value that is too large to gather', () => {
    const bytes = packet(0x01, { key: 'k', extras: setExtras(1, 2), value: 'abcdefgh' });
    const chunks = [bytes.subarray(0, 30), bytes.subarray(30, 36), bytes.subarray(36)];
    const { events } = parseChunks([...chunks, packet(0x0a)], { inlineValueBytesMax: 4 });
    expect(events.map((event) => event['kind'])).to.deep.equal([
      'put',
      'value-piece',
      'value-end',
      'noop',
    ]);
    expect(events[0]).to.include({ flags: 1, exptime: 2, valueBytes: 8 });
    expect(events[1]).to.include({ bytes: 'abcdefgh' });
  });

  it('is refused with protocol text, and is the only protocol with protocol binary', () => {
    const version = packet(0x0b).toString('latin1');
    expect(dialogue(`${version}\r\n`, { protocol: 'text' })).to.contain('ERROR');
    expect(dialogue('get k\r\n', { protocol: 'binary' })).to.equal('[closed]');
    expect(dialogue(version, { protocol: 'binary' })).to.equal('<version>');
  });
});

function answer(opcode: number, fields: object, reply: Reply): Response[] {
  const form = { wire: 'binary', opcode, opaque: 7, quiet: false, withKey: false } as const;
  const output = new Output();
  compose(output, { ...form, ...fields }, reply);
  return responses(output.take());
}
function result(status: ResultStatus): Reply {
  return { kind: 'result', status, cas: 42n, valueBytes: 1 };
}

describe('compose() of binary replies', () => {
  const key = Buffer.from('k');
  const value = Buffer.from('value');
  const hit: Reply = {
    kind: 'hit',
    key,
    item: hitItem(value, { flags: 5, cas: 9n }),
    meta: undefined,
  };
  const empty = { status: 0, extras: '', key: '', value: '', opaque: 7, cas: 0n };
  const quiet = { quiet: true };
  const cases: readonly (readonly [string, number, object, Reply, object | undefined])[] = [
    ['a hit', 0x00, {}, hit, { ...empty, extras: '\0\0\0\x05', value: 'value', cas: 9n }],
    [
      'a hit with its key',
      0x0d,
      { quiet: true, withKey: true },
      hit,
      { ...empty, extras: '\0\0\0\x05', key: 'k', value: 'value', cas: 9n },
    ],
    ['a miss', 0x00, {}, { kind: 'miss', key }, { ...empty, status: 1, value: 'Not found' }],
    [
      'a miss with its key',
      0x0c,
      { withKey: true },
      { kind: 'miss', key },
      { ...empty, status: 1, key: 'k' },
    ],
    ['a quiet miss', 0x09, quiet, { kind: 'miss', key }, undefined],
    ['the end of a get', 0x00, {}, { kind: 'end', hits: 0 }, undefined],
    ['stored', 0x01, {}, result('stored'), { ...empty, cas: 42n }],
    ['stored, quiet', 0x11, quiet, result('stored'), undefined],
    [
      'exists',
      0x11,
      quiet,
      result('exists'),
      { ...empty, status: 2, value: 'Data exists for key.' },
    ],
    [
      'a failed add',
      0x12,
      quiet,
      result('not-stored'),
      { ...empty, status: 2, value: 'Data exists for key.' },
    ],
    [
      'a failed replace',
      0x13,
      quiet,
      result('not-stored'),
      { ...empty, status: 1, value: 'Not found' },
    ],
    [
      'a failed append',
      0x19,
      quiet,
      result('not-stored'),
      { ...empty, status: 5, value: 'Not stored.' },
    ],
    [
      'append to a CAS that is gone',
      0x0e,
      {},
      result('not-found'),
      { ...empty, status: 5, value: 'Not stored.' },
    ],
    ['deleted', 0x04, {}, result('deleted'), empty],
    ['deleted, quiet', 0x14, quiet, result('deleted'), undefined],
    [
      'not found, quiet',
      0x14,
      quiet,
      result('not-found'),
      { ...empty, status: 1, value: 'Not found' },
    ],
    ['flushed', 0x08, {}, result('ok'), empty],
    ['flushed, quiet', 0x18, quiet, result('ok'), undefined],
    [
      'a number',
      0x05,
      {},
      { kind: 'number', number: 258n, cas: 3n, ttlSeconds: -1, ttlSecondsBefore: -1 },
      { ...empty, value: '\0\0\0\0\0\0\x01\x02', cas: 3n },
    ],
    [
      'a number, quiet',
      0x15,
      quiet,
      { kind: 'number', number: 1n, cas: 3n, ttlSeconds: -1, ttlSecondsBefore: -1 },
      undefined,
    ],
    [
      'not a number, quiet',
      0x15,
      quiet,
      { kind: 'error', error: 'not-a-number' },
      { ...empty, status: 6, value: 'Non-numeric server-side value for incr or decr' },
    ],
    [
      'too large',
      0x11,
      quiet,
      { kind: 'error', error: 'too-large' },
      { ...empty, status: 3, value: 'Too large.' },
    ],
    [
      'out of memory',
      0x01,
      {},
      { kind: 'error', error: 'no-memory' },
      { ...empty, status: 0x82, value: 'Out of memory' },
    ],
    [
      'a full disk',
      0x01,
      {},
      { kind: 'error', error: 'no-space' },
      { ...empty, status: 0x86, value: 'disk full, not stored' },
    ],
    [
      'invalid arguments',
      0x00,
      {},
      { kind: 'error', error: 'invalid-arguments' },
      { ...empty, status: 4, value: 'Invalid arguments' },
    ],
    [
      'an unknown opcode',
      0x50,
      {},
      { kind: 'error', error: 'unknown-command' },
      { ...empty, status: 0x81, value: 'Unknown command' },
    ],
    [
      'unknown stats',
      0x10,
      {},
      { kind: 'error', error: 'unknown-command' },
      { ...empty, status: 1, value: 'Not found' },
    ],
    [
      'a statistic',
      0x10,
      {},
      { kind: 'stat', name: 'pid', value: '12' },
      { ...empty, key: 'pid', value: '12' },
    ],
    [
      'a line of a listing',
      0x10,
      {},
      { kind: 'line', line: Buffer.from('PREFIX a get 1') },
      { ...empty, key: 'PREFIX', value: 'a get 1' },
    ],
    ['the end of stats', 0x10, {}, { kind: 'end', hits: 0 }, empty],
    ['stats reset', 0x10, {}, { kind: 'reset' }, empty],
    ['noop', 0x0a, {}, { kind: 'noop' }, empty],
    ['version', 0x0b, {}, { kind: 'version', version: '1.6.45' }, { ...empty, value: '1.6.45' }],
    [
      'SASL mechanisms',
      0x20,
      {},
      { kind: 'sasl-mechanisms', mechanisms: 'PLAIN' },
      { ...empty, value: 'PLAIN' },
    ],
    ['authenticated', 0x21, {}, { kind: 'authenticated' }, { ...empty, value: 'Authenticated' }],
    [
      'a wrong password',
      0x21,
      {},
      { kind: 'error', error: 'authentication-failed' },
      { ...empty, status: 0x20, value: 'Auth failure.' },
    ],
  ];
  for (const [name, opcode, fields, reply, expected] of cases) {
    it(`writes ${expected === undefined ? 'nothing for ' : ''}${name}`, () => {
      const wanted = expected === undefined ? [] : [{ opcode, ...expected }];
      expect(answer(opcode, fields, reply)).to.deep.equal(wanted);
    });
  }
});
