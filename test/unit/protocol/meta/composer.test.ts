// Replies of the meta commands, as memcached writes them.

import { expect } from 'chai';

import { compose } from '../../../../src/protocol/composer.js';
import { Output } from '../../../../src/protocol/output.js';
import type { MetaHit, Reply, ResultStatus } from '../../../../src/protocol/reply.js';
import { hitItem } from '../../../support/hit-item.js';
import { Incoming } from '../../../support/parsing.js';

/** Returns the reply to `line` (and its block) when the command has the outcome `reply`. */
function answerTo(line: string, reply: Reply): string {
  const parser = new Incoming();
  parser.push(Buffer.from(line, 'latin1'));
  const request = parser.next();
  if (!('form' in request) || request.kind === 'answer') throw new Error(`Refused: ${line}`);
  const output = new Output();
  compose(output, request.form, reply);
  return output.take().toString('latin1');
}

function hit(meta: Partial<MetaHit> = {}, value = Buffer.from('x'), isStreamed = false): Reply {
  const valueBytes = value.length;
  const more = { flags: 5, cas: 18446744073709551615n, valueBytes };
  return {
    kind: 'hit',
    key: Buffer.from('k'),
    item: hitItem(isStreamed ? undefined : value, more),
    meta: {
      ttlSeconds: 90,
      ttlSecondsBefore: -1,
      created: false,
      fetched: false,
      idleSeconds: 3,
      won: false,
      stale: false,
      winSent: false,
      known: false,
      ...meta,
    },
  };
}

function result(status: ResultStatus): Reply {
  return { kind: 'result', status, cas: 42n, valueBytes: 7 };
}

const MISS: Reply = { kind: 'miss', key: Buffer.from('k') };

describe('compose() of meta replies', () => {
  const cases: readonly (readonly [string, Reply, string])[] = [
    ['mg k\r\n', hit(), 'HD\r\n'],
    ['mg k q\r\n', hit(), 'HD\r\n'],
    ['mg k v\r\n', hit(), 'VA 1\r\nx\r\n'],
    ['mg k s v f k O123 t\r\n', hit(), 'VA 1 s1 f5 kk O123 t-1\r\nx\r\n'],
    ['mg k c h l\r\n', hit({ fetched: true }), 'HD c18446744073709551615 h1 l3\r\n'],
    ['mg k t T90\r\n', hit(), 'HD t-1\r\n'],
    ['mg k T90 t\r\n', hit(), 'HD t90\r\n'],
    ['mg k s1 v9 k3\r\n', hit(), 'VA 1 s1 kk\r\nx\r\n'],
    ['mg k O\r\n', hit(), 'HD O\r\n'],
    ['mg YWJj b v k O1\r\n', hit(), 'VA 1 kYWJj b O1\r\nx\r\n'],
    ['mg k v c\r\n', hit({ stale: true, won: true }), 'VA 1 c18446744073709551615 X W\r\nx\r\n'],
    ['mg k v\r\n', hit({ stale: true, winSent: true }), 'VA 1 Z X\r\nx\r\n'],
    [
      'mg k N30 v t\r\n',
      hit({ won: true, ttlSeconds: 30, created: true }, Buffer.alloc(0)),
      'VA 0 t30 W\r\n\r\n',
    ],
    ['mg k t N30\r\n', hit({ won: true, created: true }), 'HD t-1 W\r\n'],
    ['mg YWI= b k\r\n', hit(), 'HD kYWI= b\r\n'],
    ['mg YWJ= b k\r\n', hit(), 'HD kYWI= b\r\n'],
    ['mg k N30 q k O1\r\n', hit({ won: true }), 'HD kk O1 W\r\n'],
    ['mg k v C9 f\r\n', hit({ known: true }), 'HD f5\r\n'],
    ['mg k v\r\n', MISS, 'EN\r\n'],
    ['mg k k O1 v\r\n', MISS, 'EN kk O1\r\n'],
    ['mg YWJj b v k\r\n', MISS, 'EN kYWJj b\r\n'],
    ['mg k v k O1 q\r\n', MISS, ''],
    ['mg k v\r\n', { kind: 'end', hits: 0 }, ''],
    ['me k\r\n', MISS, 'EN\r\n'],
    ['ms k 1\r\nx\r\n', result('stored'), 'HD\r\n'],
    ['ms k 1 k c s O9 f t v\r\nx\r\n', result('stored'), 'HD kk c42 s7 O9\r\n'],
    ['ms k 1 c q k O1\r\nx\r\n', result('exists'), 'EX c0 kk O1\r\n'],
    ['ms k 1 ME q O1\r\nx\r\n', result('not-stored'), 'NS O1\r\n'],
    ['ms k 1 C1 q\r\nx\r\n', result('not-found'), 'NF\r\n'],
    ['ms k 1 q k c\r\nx\r\n', result('stored'), ''],
    ['md k\r\n', result('deleted'), 'HD\r\n'],
    ['md k q\r\n', result('deleted'), ''],
    ['md k q\r\n', result('not-found'), 'NF\r\n'],
    ['md k k O1 I\r\n', result('stored'), 'HD kk O1\r\n'],
    ['md k k O1 c s\r\n', result('exists'), 'EX kk O1\r\n'],
    [
      'ma k\r\n',
      { kind: 'number', number: 15n, cas: 8n, ttlSeconds: 30, ttlSecondsBefore: -1 },
      'HD\r\n',
    ],
    [
      'ma k v t c k O1 N0 D5\r\n',
      { kind: 'number', number: 10n, cas: 8n, ttlSeconds: 30, ttlSecondsBefore: -1 },
      'VA 2 t-1 c8 kk O1\r\n10\r\n',
    ],
    [
      'ma k T30 t\r\n',
      { kind: 'number', number: 10n, cas: 8n, ttlSeconds: 30, ttlSecondsBefore: 9 },
      'HD t30\r\n',
    ],
    [
      'ma k t T30\r\n',
      { kind: 'number', number: 10n, cas: 8n, ttlSeconds: 30, ttlSecondsBefore: 9 },
      'HD t9\r\n',
    ],
    [
      'ma k v q\r\n',
      { kind: 'number', number: 10n, cas: 8n, ttlSeconds: 30, ttlSecondsBefore: -1 },
      '',
    ],
    [
      'ma k N30 J5 q\r\n',
      { kind: 'number', number: 5n, cas: 8n, ttlSeconds: 30, ttlSecondsBefore: -1, created: true },
      '',
    ],
    ['ma k q k\r\n', result('not-found'), 'NF kk\r\n'],
    [
      'ma k q\r\n',
      { kind: 'error', error: 'not-a-number' },
      'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
    ],
    [
      'ms k 1 q\r\nx\r\n',
      { kind: 'error', error: 'no-memory' },
      'SERVER_ERROR out of memory storing object\r\n',
    ],
    ['mn\r\n', { kind: 'noop' }, 'MN\r\n'],
    [
      'me k\r\n',
      {
        kind: 'debug',
        key: Buffer.from('k'),
        ttlSeconds: -1,
        idleSeconds: 2,
        cas: 25n,
        fetched: true,
        itemBytes: 66,
      },
      'ME k exp=-1 la=2 cas=25 fetch=yes cls=1 size=66\r\n',
    ],
  ];
  for (const [sent, reply, expected] of cases) {
    it(`answers ${JSON.stringify(sent)} with ${JSON.stringify(expected)}`, () => {
      expect(answerTo(sent, reply)).to.equal(expected);
    });
  }

  it('writes the part before a value that the caller sends itself', () => {
    const streamed = hit({}, undefined, true);
    expect(answerTo('mg k v s\r\n', streamed)).to.equal('VA 1 s1\r\n');
    expect(answerTo('mg k v s\r\n', { kind: 'value-end' })).to.equal('\r\n');
  });
});
