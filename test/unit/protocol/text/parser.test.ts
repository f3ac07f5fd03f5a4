// TextParser: the request of each line. The exact replies to wrong lines are in refusals.test.ts.

import { expect } from 'chai';

import { parseChunks, parseText } from '../../../support/parsing.js';

const NORMAL = { wire: 'text', quiet: false, withCas: false };
const QUIET = { ...NORMAL, quiet: true };

describe('TextParser.next()', () => {
  const get = {
    kind: 'get',
    form: NORMAL,
    last: true,
    wantsValue: true,
    unused: false,
    recachesLast: false,
  };
  const put = { kind: 'put', form: NORMAL, mode: 'set', key: 'k', invalidate: false };
  const remove = { kind: 'delete', key: 'k', invalidate: false, dropValue: false };
  const cases: readonly (readonly [string, object])[] = [
    ['get k\r\n', { ...get, keys: ['k'] }],
    ['get a b  c \r\n', { ...get, keys: ['a', 'b', 'c'] }],
    ['   get k\n', { ...get, keys: ['k'] }],
    ['get \x01\t\xc3\xa9\r\n', { ...get, keys: ['\x01\t\xc3\xa9'] }],
    ['gets k\r\n', { ...get, form: { ...NORMAL, withCas: true }, keys: ['k'] }],
    ['gat -1 a b\r\n', { ...get, keys: ['a', 'b'], touchExptime: -1 }],
    [
      'gats 30 k\r\n',
      { ...get, form: { ...NORMAL, withCas: true }, keys: ['k'], touchExptime: 30 },
    ],
    ['set k 7 30 2\r\nab\r\n', { ...put, flags: 7, exptime: 30, valueBytes: 2, value: 'ab' }],
    ['set k 4294967297 0 0\r\n\r\n', { ...put, flags: 1, exptime: 0, valueBytes: 0, value: '' }],
    [
      'add k 0 -1 1 noreply\r\nx\r\n',
      { ...put, form: QUIET, mode: 'add', flags: 0, exptime: -1, valueBytes: 1, value: 'x' },
    ],
    [
      'replace k 0 4294967295 1\r\nx\r\n',
      { ...put, mode: 'replace', flags: 0, exptime: 4294967295, valueBytes: 1, value: 'x' },
    ],
    [
      'append k 0 0 2\r\n\r\n\r\n',
      { ...put, mode: 'append', flags: 0, exptime: 0, valueBytes: 2, value: '\r\n' },
    ],
    [
      'prepend k 0 0 1 ignored\r\nx\r\n',
      { ...put, mode: 'prepend', flags: 0, exptime: 0, valueBytes: 1, value: 'x' },
    ],
    [
      'cas k 1 2 1 18446744073709551615\r\nx\r\n',
      {
        ...put,
        flags: 1,
        exptime: 2,
        valueBytes: 1,
        value: 'x',
        compareCas: '18446744073709551615n',
      },
    ],
    ['delete k\r\n', { ...remove, form: NORMAL }],
    ['delete k 0\r\n', { ...remove, form: NORMAL }],
    ['delete k 0 noreply\r\n', { ...remove, form: QUIET }],
    [
      'incr k 18446744073709551615\r\n',
      {
        kind: 'arithmetic',
        form: NORMAL,
        direction: 'incr',
        key: 'k',
        delta: '18446744073709551615n',
      },
    ],
    [
      'decr k 1 noreply\r\n',
      { kind: 'arithmetic', form: QUIET, direction: 'decr', key: 'k', delta: '1n' },
    ],
    ['touch k 60\r\n', { kind: 'touch', form: NORMAL, key: 'k', exptime: 60 }],
    ['flush_all\r\n', { kind: 'flush', form: NORMAL, exptime: 0 }],
    ['flush_all noreply\r\n', { kind: 'flush', form: QUIET, exptime: 0 }],
    ['flush_all 10 noreply\r\n', { kind: 'flush', form: QUIET, exptime: 10 }],
    ['flush_all -1\r\n', { kind: 'flush', form: NORMAL, exptime: -1 }],
    ['verbosity 2\r\n', { kind: 'verbosity', form: NORMAL, level: 2 }],
    ['version foo bar\r\n', { kind: 'version', form: NORMAL }],
    ['quit noreply\r\n', { kind: 'quit', form: NORMAL }],
    ['stats\r\n', { kind: 'stats', form: NORMAL, words: [] }],
    ['stats detail on\r\n', { kind: 'stats', form: NORMAL, words: ['detail', 'on'] }],
    ['shutdown\r\n', { kind: 'shutdown', form: NORMAL, graceful: false, isKnown: true }],
    ['shutdown foo\r\n', { kind: 'shutdown', form: NORMAL, graceful: false, isKnown: false }],
    ['shutdown graceful\r\n', { kind: 'shutdown', form: NORMAL, graceful: true, isKnown: true }],
    ['cache_memlimit 100\r\n', { kind: 'cache-memlimit', form: NORMAL, megabytes: 100 }],
    ['watch\r\n', { kind: 'watch', form: NORMAL, streams: ['fetchers'] }],
    [
      'watch mutations evictions\r\n',
      { kind: 'watch', form: NORMAL, streams: ['mutations', 'evictions'] },
    ],
    ['refresh_certs\r\n', { kind: 'refresh-certs', form: NORMAL }],
    ['lru_crawler metadump all\r\n', { kind: 'dump', form: NORMAL, listing: 'metadump' }],
    [
      'lru_crawler mgdump 1,2\r\n',
      { kind: 'dump', form: NORMAL, listing: 'mgdump', classes: [1, 2] },
    ],
    ['keys user:\r\n', { kind: 'keys', form: NORMAL, prefix: 'user:', limit: 1000, cursor: 0 }],
    ['keys * 5 42\r\n', { kind: 'keys', form: NORMAL, prefix: '', limit: 5, cursor: 42 }],
    ['delete_prefix a: noreply\r\n', { kind: 'delete-prefix', form: QUIET, prefix: 'a:' }],
    ['delete_prefix noreply\r\n', { kind: 'delete-prefix', form: QUIET, prefix: 'noreply' }],
  ];
  for (const [sent, expected] of cases) {
    it(`reads ${JSON.stringify(sent)}`, () => {
      expect(parseText(sent)).to.deep.equal([expected]);
    });
  }

  it('takes keys up to keyBytesMax and lines as long as such keys need', () => {
    const key = 'k'.repeat(3000);
    const [request] = parseText(`delete ${key}\r\n`, { keyBytesMax: 4000 });
    expect(request).to.include({ kind: 'delete', key });
  });

  it('gives a long multi-get out in parts that together have all its keys', () => {
    const keys = Array.from({ length: 18_725 }, (_, index) => `key-${index}`);
    const line = Buffer.from(`get ${keys.join(' ')}\r\n`);
    const chunks: Buffer[] = [];
    for (let at = 0; at < line.length; at += 1000) chunks.push(line.subarray(at, at + 1000));
    const parsing = parseChunks(chunks);
    expect(parsing.events).to.have.length(1);
    expect(parsing.events[0]).to.deep.include({ kind: 'get', keys, last: true });
    expect(parsing.bufferedBytesMax).to.be.at.most(2048);
  });

  it('refuses a bad key before the first hit of a short multi-get, and at its place in a long one', () => {
    const bad = 'x'.repeat(251);
    expect(parseText(`get a ${bad} b\r\nversion\r\n`).map((event) => event['kind'])).to.deep.equal([
      'answer',
      'version',
    ]);
    const many = Array.from({ length: 500 }, (_, index) => `key-${index}`).join(' ');
    const events = parseText(`get ${many} ${bad} b\r\nversion\r\n`);
    expect(events.map((event) => event['kind'])).to.deep.equal(['get', 'answer', 'version']);
    expect(events[0]).to.include({ last: false });
  });
});

describe('TextParser.next() with values that are not gathered', () => {
  const options = { inlineValueBytesMax: 4, valueBytesMax: 10 };

  it('gives the request first, then the value in pieces, then its end', () => {
    const events = parseChunks(
      ['set k 5 0 8\r\nab', 'cdef', 'gh\r', '\nget k\r\n'].map((text) => Buffer.from(text)),
      options,
    ).events;
    expect(events.map((event) => event['kind'])).to.deep.equal([
      'put',
      'value-piece',
      'value-end',
      'get',
    ]);
    expect(events[0]).to.include({ key: 'k', flags: 5, valueBytes: 8 });
    expect(events[0]).not.to.have.property('value');
    expect(events[1]).to.include({ bytes: 'abcdefgh' });
  });

  it('answers an error for a value that is not followed by CR LF', () => {
    const events = parseText('set k 0 0 8\r\nabcdefghXYversion\r\n', options);
    expect(events.map((event) => event['kind'])).to.deep.equal([
      'put',
      'value-piece',
      'answer',
      'version',
    ]);
  });

  it('passes on the key of a value over the limit and skips the value', () => {
    const text = `set k 0 0 1000000 noreply\r\n${'x'.repeat(1_000_000)}\r\nmn\r\n`;
    const chunks: Buffer[] = [];
    for (let at = 0; at < text.length; at += 65_536) {
      chunks.push(Buffer.from(text.slice(at, at + 65_536)));
    }
    const parsing = parseChunks(chunks, options);
    expect(parsing.events.map((event) => event['kind'])).to.deep.equal(['oversized-put', 'noop']);
    expect(parsing.events[0]).to.deep.include({ key: 'k', valueBytes: 1_000_000, form: QUIET });
    expect(parsing.bufferedBytesMax).to.be.at.most(2048);
  });
});
