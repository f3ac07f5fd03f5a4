// The replies of the text protocol, byte for byte.

import { expect } from 'chai';

import { compose } from '../../../../src/protocol/composer.js';
import { ERROR_NAMES, formOfError } from '../../../../src/protocol/errors.js';
import { Output } from '../../../../src/protocol/output.js';
import type { TextForm } from '../../../../src/protocol/reply-form.js';
import type { Reply, ResultStatus } from '../../../../src/protocol/reply.js';
import { hitItem } from '../../../support/hit-item.js';

const FORM: TextForm = { wire: 'text', quiet: false, withCas: false };

function composed(reply: Reply, form: TextForm = FORM): string {
  const output = new Output();
  compose(output, form, reply);
  return output.take().toString('latin1');
}

function result(status: ResultStatus): Reply {
  return { kind: 'result', status, cas: 1n, valueBytes: 1 };
}

describe('compose() of text replies', () => {
  const key = Buffer.from('caf\xe9', 'latin1');
  const value = Buffer.from('a\r\nb');
  const more = { flags: 4294967295, cas: 18446744073709551615n };
  const hit: Reply = { kind: 'hit', key, item: hitItem(value, more), meta: undefined };
  const streamed = hitItem(undefined, { ...more, valueBytes: 4 });
  const cases: readonly (readonly [string, Reply, string])[] = [
    ['a hit', hit, 'VALUE caf\xe9 4294967295 4\r\na\r\nb\r\n'],
    ['the head of a streamed hit', { ...hit, item: streamed }, 'VALUE caf\xe9 4294967295 4\r\n'],
    ['the end of a streamed value', { kind: 'value-end' }, '\r\n'],
    [
      'an empty value',
      { ...hit, item: hitItem(Buffer.alloc(0), more) },
      'VALUE caf\xe9 4294967295 0\r\n\r\n',
    ],
    ['a miss', { kind: 'miss', key }, ''],
    ['the end of a get', { kind: 'end', hits: 0 }, 'END\r\n'],
    ['stored', result('stored'), 'STORED\r\n'],
    ['not stored', result('not-stored'), 'NOT_STORED\r\n'],
    ['exists', result('exists'), 'EXISTS\r\n'],
    ['not found', result('not-found'), 'NOT_FOUND\r\n'],
    ['deleted', result('deleted'), 'DELETED\r\n'],
    ['touched', result('touched'), 'TOUCHED\r\n'],
    ['ok', result('ok'), 'OK\r\n'],
    [
      'a number',
      {
        kind: 'number',
        number: 18446744073709551615n,
        cas: 1n,
        ttlSeconds: -1,
        ttlSecondsBefore: -1,
      },
      '18446744073709551615\r\n',
    ],
    ['a statistic', { kind: 'stat', name: 'pid', value: '12' }, 'STAT pid 12\r\n'],
    ['a line', { kind: 'line', line: Buffer.from('KEY a') }, 'KEY a\r\n'],
    ['the version', { kind: 'version', version: '1.6.45' }, 'VERSION 1.6.45\r\n'],
    ['stats reset', { kind: 'reset' }, 'RESET\r\n'],
    ['a login', { kind: 'authenticated' }, 'STORED\r\n'],
    ['an error', { kind: 'error', error: 'no-space' }, 'SERVER_ERROR disk full, not stored\r\n'],
  ];
  for (const [name, reply, expected] of cases) {
    it(`writes ${name} as ${JSON.stringify(expected)}`, () => {
      expect(composed(reply)).to.equal(expected);
    });
    it(`writes nothing for ${name} after noreply`, () => {
      expect(composed(reply, { ...FORM, quiet: true })).to.equal('');
    });
  }

  it('ends VALUE with the CAS token for gets and gats', () => {
    expect(composed(hit, { ...FORM, withCas: true })).to.equal(
      'VALUE caf\xe9 4294967295 4 18446744073709551615\r\na\r\nb\r\n',
    );
  });
});

describe('formOfError()', () => {
  it('gives each error one line whose first word says the kind of error', () => {
    for (const name of ERROR_NAMES) {
      const line = formOfError(name).line.toString();
      expect(line, name).to.match(/^(ERROR|CLIENT_ERROR|SERVER_ERROR)[^\r\n]*\r\n$/);
    }
  });
});
