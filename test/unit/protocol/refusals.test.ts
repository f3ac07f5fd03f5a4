// TextParser: the lines that it answers itself, as memcached does.

import { expect } from 'chai';

import { dialogue } from '../../support/parsing.js';
import { REFUSED_LINES } from '../../support/refused-lines.js';

describe('TextParser: replies to wrong lines', () => {
  for (const [sent, expected] of REFUSED_LINES) {
    const title = sent.length > 80 ? `${sent.slice(0, 60)}… (${sent.length} bytes)` : sent;
    it(`answers ${JSON.stringify(title)} as memcached does`, () => {
      expect(dialogue(sent, { shortForms: false })).to.equal(expected);
    });
  }
});

describe('TextParser: ASCII authentication', () => {
  const options = { asciiAuthentication: true };
  const UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated\r\n';

  it('takes no command but a set with user and password', () => {
    expect(dialogue('get k\r\nversion\r\nmn\r\nset x 0 0 9\r\nuser pass\r\n', options)).to.equal(
      `${UNAUTHENTICATED.repeat(3)}<authenticate>`,
    );
    expect(dialogue('set x 0 0\r\n', options)).to.equal(UNAUTHENTICATED);
  });

  it('refuses a token of the wrong shape', () => {
    expect(dialogue('set x 0 0 4\r\nuser\r\n', options)).to.equal(
      'CLIENT_ERROR bad authentication token format\r\n',
    );
    expect(dialogue('set x 0 0 4\r\nuser pass\r\n', options)).to.contain(
      'CLIENT_ERROR bad command line termination\r\n',
    );
    expect(dialogue('set x 0 0 16385\r\n', options)).to.equal(
      'CLIENT_ERROR auth token too long\r\n',
    );
  });

  it('refuses the binary protocol', () => {
    const noop = `\x80\x0b${'\0'.repeat(22)}\r\n`;
    expect(dialogue(noop, options)).to.equal(UNAUTHENTICATED);
  });
});
