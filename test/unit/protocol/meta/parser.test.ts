// MetaReader: the requests of the meta commands. Their replies are in composer.test.ts, and wrong lines in
// refusals.test.ts.

import { expect } from 'chai';

import { parseText } from '../../../support/parsing.js';

/** Returns the request without its form. */
function request(sent: string): object {
  const [first, ...rest] = parseText(sent);
  expect(rest, 'one request').to.deep.equal([]);
  const { form, ...fields } = first!;
  expect(form).to.include({ wire: 'meta' });
  return fields;
}

function form(sent: string): object {
  return parseText(sent)[0]!['form'] as object;
}

describe('MetaReader', () => {
  const get = {
    kind: 'get',
    keys: ['k'],
    last: true,
    wantsValue: false,
    unused: false,
    recachesLast: false,
  };
  const put = {
    kind: 'put',
    mode: 'set',
    key: 'k',
    flags: 0,
    exptime: 0,
    valueBytes: 1,
    value: 'x',
    invalidate: false,
  };
  const remove = { kind: 'delete', key: 'k', invalidate: false, dropValue: false };
  const add = { kind: 'arithmetic', key: 'k', direction: 'incr', delta: '1n' };
  const cases: readonly (readonly [string, object])[] = [
    ['mg k\r\n', get],
    ['mg k v u\r\n', { ...get, wantsValue: true, unused: true }],
    [
      'mg k T-1 N30 R60 C7 E18446744073709551615\r\n',
      {
        ...get,
        touchExptime: -1,
        vivifyExptime: 30,
        recacheExptime: 60,
        recachesLast: true,
        knownCas: '7n',
        chosenCas: '18446744073709551615n',
      },
    ],
    ['mg k R60 T5\r\n', { ...get, touchExptime: 5, recacheExptime: 60 }],
    ['mg YWI= b\r\n', { ...get, keys: ['ab'] }],
    ['ms k 1\r\nx\r\n', put],
    ['ms k 1 MS\r\nx\r\n', put],
    ['ms k 1 ME\r\nx\r\n', { ...put, mode: 'add' }],
    ['ms k 1 MR\r\nx\r\n', { ...put, mode: 'replace' }],
    ['ms k 1 MP\r\nx\r\n', { ...put, mode: 'prepend' }],
    [
      'ms k 1 MA N30 F5 T60 I C3 E4 Pasync Lx\r\nx\r\n',
      {
        ...put,
        mode: 'append',
        flags: 5,
        exptime: 60,
        invalidate: true,
        compareCas: '3n',
        chosenCas: '4n',
        vivifyExptime: 30,
      },
    ],
    ['ms k 1 C0\r\nx\r\n', { ...put, compareCas: '0n' }],
    ['ms k 1 MR C0\r\nx\r\n', { ...put, mode: 'replace', compareCas: '0n' }],
    ['ms k 1 MA C0\r\nx\r\n', { ...put, mode: 'append' }],
    ['ms k 1 MP C0\r\nx\r\n', { ...put, mode: 'prepend' }],
    ['ms YWJj 1 b\r\nx\r\n', { ...put, key: 'abc' }],
    ['md k\r\n', remove],
    [
      'md k I T30 x C5 E6\r\n',
      {
        ...remove,
        invalidate: true,
        dropValue: true,
        exptime: 30,
        compareCas: '5n',
        chosenCas: '6n',
      },
    ],
    ['md k C0\r\n', { ...remove, compareCas: '0n' }],
    ['ma k\r\n', add],
    ['ma k C0\r\n', add],
    [
      'ma k MD D18446744073709551615 T5 C1 E2\r\n',
      {
        ...add,
        direction: 'decr',
        delta: '18446744073709551615n',
        exptime: 5,
        compareCas: '1n',
        chosenCas: '2n',
      },
    ],
    ['ma k M- N0 J10\r\n', { ...add, direction: 'decr', create: { value: '10n', exptime: 0 } }],
    ['ma k M+ N60\r\n', { ...add, create: { value: '0n', exptime: 60 } }],
    ['ma k J10\r\n', add],
    ['me k\r\n', { kind: 'debug', key: 'k' }],
    ['me YWJj b\r\n', { kind: 'debug', key: 'abc' }],
    ['mn foo\r\n', { kind: 'noop' }],
  ];
  for (const [sent, expected] of cases) {
    it(`reads ${JSON.stringify(sent)}`, () => {
      expect(request(sent)).to.deep.equal(expected);
    });
  }

  it('notes Pasync in the form, and no other token of P', () => {
    expect(form('ms k 1 Pasync\r\nx\r\n')).to.include({ async: true });
    expect(form('ms k 1 P\r\nx\r\n')).to.include({ async: false });
    expect(form('ms k 1 Pasynchronous\r\nx\r\n')).to.include({ async: false });
  });

  it('forgets the flags of the line before', () => {
    const [, second] = parseText('mg YQ== b v q T5\r\nmg k\r\n');
    expect(second).to.deep.include({ ...get, keys: ['k'] });
    expect(second!['form']).to.include({ quiet: false, withValue: false, base64: false });
  });

  it('refuses base64 that is not strict', () => {
    for (const key of ['YWI', 'Y===', 'YW=J', 'YW J', '====', 'YWJ*', 'YWJj=']) {
      const [answer] = parseText(`mg ${key} b\r\n`);
      expect(answer, key).to.include({ kind: 'answer' });
    }
  });
});
