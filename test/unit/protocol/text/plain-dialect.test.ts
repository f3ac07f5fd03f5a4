// The plain dialect: short set forms, padding around the block, and the plain replies.

import { expect } from 'chai';

import { compose } from '../../../../src/protocol/composer.js';
import { Output } from '../../../../src/protocol/output.js';
import { dialogue, parseText } from '../../../support/parsing.js';
import { hitItem } from '../../../support/hit-item.js';

describe('TextParser.next() in the plain dialect', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['set test 9 0 \r\ngaduValue\r\n', { key: 'test', value: 'gaduValue', flags: 0 }],
    ['set test 9\r\ngaduValue\r\n', { key: 'test', value: 'gaduValue', flags: 0 }],
    ['set k 2 77\r\nab\r\n', { key: 'k', value: 'ab', flags: 77 }],
    ['set vjc 5 \r\n hello\r\n', { key: 'vjc', value: 'hello' }],
    ['set k 5\r\nhello \r\n', { value: 'hello' }],
    ['set k 5\r\n hello \r\n', { value: 'hello' }],
    ['set k 5\r\n hell\r\n', { value: ' hell' }],
    ['set k 5\r\nhell \r\n', { value: 'hell ' }],
    ['set k 0\r\n\r\n', { value: '' }],
    ['set k 2\r\n\r\n\r\n', { value: '\r\n' }],
    ['set k 1\r\n \r\n', { value: ' ' }],
    [
      'set k 3 noreply\r\nabc\r\n',
      { value: 'abc', form: { wire: 'text', quiet: true, withCas: false } },
    ],
  ];
  for (const [sent, expected] of cases) {
    it(`reads ${JSON.stringify(sent)}`, () => {
      const requests = parseText(sent);
      expect(requests).to.have.length(1);
      expect(requests[0]).to.deep.include({ kind: 'put', mode: 'set', exptime: 0, ...expected });
    });
  }

  it('goes on after a padded block', () => {
    expect(dialogue('set k 5\r\n hello \r\nget k\r\n')).to.equal('<put k><get k>');
  });

  it('refuses a block whose length fits in no way', () => {
    expect(dialogue('set k 3\r\nabcde\r\n')).to.equal(
      'CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad command line format\r\n',
    );
  });

  it('tolerates no padding in the full form', () => {
    expect(dialogue('set k 0 0 3\r\n abc\r\n')).to.contain('CLIENT_ERROR bad data chunk');
  });

  it('is off with shortForms false, and applies only to set', () => {
    const refusal = 'CLIENT_ERROR bad command line format\r\n';
    expect(dialogue('set k 0 0\r\n', { shortForms: false })).to.equal(refusal);
    expect(dialogue('add k 5\r\n')).to.equal(refusal);
  });
});

describe('compose() in the plain form', () => {
  const form = { wire: 'plain', quiet: false, withCas: false } as const;

  it('writes VALUE without flags, then END', () => {
    const output = new Output();
    const value = Buffer.from('gaduValue');
    const key = Buffer.from('test');
    const item = hitItem(value, { flags: 9 });
    compose(output, form, { kind: 'hit', key, item, meta: undefined });
    compose(output, form, { kind: 'end', hits: 1 });
    expect(output.take().toString()).to.equal('VALUE test 9\r\ngaduValue\r\nEND\r\n');
  });

  it('writes Not-Exists when nothing was found', () => {
    const output = new Output();
    compose(output, form, { kind: 'miss', key: Buffer.from('k') });
    compose(output, form, { kind: 'end', hits: 0 });
    expect(output.take().toString()).to.equal('Not-Exists\r\n');
  });
});
