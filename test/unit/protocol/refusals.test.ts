// Lines that the parser answers itself: the replies of memcached 1.6.45 byte for byte, but for delete
// with extra words (1.6.18's). `<put k>` stands for a command that reached the store.

import { expect } from 'chai';

import { dialogue } from '../../support/parsing.js';

const BAD_LINE = 'CLIENT_ERROR bad command line format\r\n';
const BAD_CHUNK = 'CLIENT_ERROR bad data chunk\r\n';
const USAGE = 'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n';
const LONG_KEY = 'a'.repeat(251);

const CASES: readonly (readonly [string, string])[] = [
  // Too few words, empty lines, unknown commands.
  ['get\r\n', BAD_LINE],
  ['get \r\n', BAD_LINE],
  ['gets\r\n', BAD_LINE],
  ['boguscommand a\r\n', 'ERROR\r\n'],
  ['GET k\r\n', 'ERROR\r\n'],
  ['Set k 0 0 1\r\n', 'ERROR\r\n'],
  ['\r\n', BAD_LINE],
  ['\n', BAD_LINE],
  [' \r\n', BAD_LINE],
  ['x\r\n', BAD_LINE],
  ['ab\r\n', 'ERROR\r\n'],
  ['mz k\r\n', 'ERROR\r\n'],
  [`${'a'.repeat(3000)}\r\n`, 'ERROR\r\n'],
  ['a'.repeat(3000), '[closed]'],
  [`get ${'a'.repeat(2100)}\r\nmn\r\n`, `${BAD_LINE}<noop>`],
  ['get k\r\n\r\nget k\r\n', `<get k>${BAD_LINE}<get k>`],
  // HTTP.
  ['GET / HTTP/1.0\r\n', '[closed]'],
  ['POST /x HTTP/1.1\r\n', '[closed]'],
  ['PUT /x\r\n', '[closed]'],
  ['foo HTTP/1.1\r\n', '[closed]'],
  // Storage lines: one reply, the block swallowed when its length can be read.
  ['set k 0 0\r\n', BAD_LINE],
  ['set k\r\n', BAD_LINE],
  ['set\r\n', BAD_LINE],
  ['set k 0 0 1 foo\r\nx\r\n', '<put k>'],
  ['set k 0 0 1 noreply extra\r\nx\r\nmn\r\n', '<put k><noop>'],
  ['set k abc 0 1\r\nx\r\n', BAD_LINE],
  ['set k -1 0 1\r\nx\r\n', BAD_LINE],
  ['set k 4294967296 0 1\r\nx\r\n', '<put k>'],
  ['set k 0 abc 1\r\nx\r\n', BAD_LINE],
  ['set k 0 4294967296 1\r\nx\r\n', BAD_LINE],
  ['set k 0 0 abc\r\nx\r\n', BAD_LINE + BAD_LINE],
  ['set k 0 0 -1\r\nx\r\n', BAD_LINE + BAD_LINE],
  ['set k 0 0 2147483648\r\n', BAD_LINE],
  ['set k 0 0 4294967295\r\n', BAD_LINE],
  ['set k 0 0 3\r\nab\r\nmn\r\n', BAD_CHUNK + BAD_LINE],
  ['set k 0 0 1\r\nabc\r\nmn\r\n', `${BAD_CHUNK}${BAD_LINE}<noop>`],
  ['set k 0 0 1\nx\nget k\n', `${BAD_CHUNK}ERROR\r\n`],
  [`set k 0 0 2000000\r\n${'x'.repeat(2_000_000)}\r\nmn\r\n`, '<oversized-put k><noop>'],
  [`set ${'a'.repeat(250)} 0 0 1\r\nx\r\n`, `<put ${'a'.repeat(250)}>`],
  [`set ${LONG_KEY} 0 0 1\r\nx\r\nmn\r\n`, `${BAD_LINE}<noop>`],
  [`get ${LONG_KEY}\r\n`, BAD_LINE],
  [`get k ${LONG_KEY}\r\n`, BAD_LINE],
  [`get ${LONG_KEY} k\r\nmn\r\n`, `${BAD_LINE}<noop>`],
  ['cas k 0 0 1\r\nx\r\n', BAD_LINE],
  ['cas k 0 0 1 abc\r\nx\r\n', BAD_LINE],
  ['cas foo 0 0 6 \r\nbarva2\r\n', BAD_LINE],
  ['cas k 0 0 1 18446744073709551616\r\nx\r\n', BAD_LINE],
  // noreply silences errors as well.
  ['set k 0 abc 1 noreply\r\nx\r\nmn\r\n', '<noop>'],
  ['set k 0 0 1 noreply\r\nabc\r\n', BAD_LINE],
  ['incr k abc noreply\r\n', ''],
  ['flush_all abc noreply\r\n', ''],
  ['verbosity noreply\r\n', ''],
  ['cache_memlimit 4 noreply\r\n', ''],
  ['delete a b c d noreply\r\n', ''],
  // delete
  ['delete\r\n', BAD_LINE],
  ['delete k 10\r\n', USAGE],
  ['delete k foo\r\n', USAGE],
  ['delete k 0 0\r\n', USAGE],
  ['delete a b c d e\r\nmn\r\n', 'ERROR\r\n<noop>'],
  [`delete ${LONG_KEY}\r\n`, BAD_LINE],
  // incr, decr, touch, gat
  ['incr\r\n', BAD_LINE],
  ['incr k\r\n', BAD_LINE],
  ['incr k abc\r\n', 'CLIENT_ERROR invalid numeric delta argument\r\n'],
  ['incr k -1\r\n', 'CLIENT_ERROR invalid numeric delta argument\r\n'],
  ['decr k 18446744073709551616\r\n', 'CLIENT_ERROR invalid numeric delta argument\r\n'],
  ['touch\r\n', BAD_LINE],
  ['touch k\r\n', BAD_LINE],
  ['touch k abc\r\n', 'CLIENT_ERROR invalid exptime argument\r\n'],
  ['gat\r\n', BAD_LINE],
  ['gat 0\r\n', BAD_LINE],
  ['gat abc k\r\n', 'CLIENT_ERROR invalid exptime argument\r\n'],
  // The others.
  ['flush_all abc\r\n', 'CLIENT_ERROR invalid exptime argument\r\n'],
  ['flush_all 0 foo\r\n', '<flush>'],
  ['verbosity\r\n', BAD_LINE],
  ['verbosity foo bar my\r\n', BAD_LINE],
  ['verbosity invalid\r\n', BAD_LINE],
  ['cache_memlimit\r\n', 'ERROR\r\n'],
  ['cache_memlimit abc\r\n', 'ERROR\r\n'],
  ['cache_memlimit 1\r\n', 'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n'],
  ['slabs\r\n', 'ERROR\r\n'],
  ['slabs reassign 1 2\r\n', 'NOSPARE source class has no spare pages\r\n'],
  ['slabs reassign a b\r\n', BAD_LINE],
  ['slabs automove\r\n', 'ERROR\r\n'],
  ['slabs automove 1\r\n', 'OK\r\n'],
  ['slabs automove 5\r\n', 'ERROR\r\n'],
  ['slabs automove invalid\r\n', BAD_LINE],
  ['lru_crawler\r\n', 'ERROR\r\n'],
  ['lru_crawler enable\r\n', 'ERROR failed to start lru crawler thread\r\n'],
  ['lru_crawler disable\r\n', 'OK\r\n'],
  ['lru_crawler sleep 100\r\n', 'OK\r\n'],
  ['lru_crawler sleep x\r\n', BAD_LINE],
  ['lru_crawler crawl\r\n', 'ERROR\r\n'],
  ['lru_crawler crawl 1,2\r\n', 'OK\r\n'],
  ['lru_crawler crawl x\r\n', 'BADCLASS invalid class id\r\n'],
  ['lru_crawler metadump\r\n', 'ERROR\r\n'],
  ['lru_crawler metadump 0\r\n', 'BADCLASS invalid class id\r\n'],
  ['lru tune\r\n', 'ERROR\r\n'],
  ['lru tune 10 20 0.1 2\r\n', 'OK\r\n'],
  ['lru mode flat\r\n', 'OK\r\n'],
  ['lru mode foo\r\n', 'ERROR\r\n'],
  ['lru temp_ttl 5\r\n', 'OK\r\n'],
  ['extstore\r\n', 'ERROR\r\n'],
  ['extstore item_size 5\r\n', 'OK\r\n'],
  ['keys\r\n', BAD_LINE],
  ['keys a 0\r\n', BAD_LINE],
  ['delete_prefix\r\n', BAD_LINE],
  ['delete_prefix a b\r\n', BAD_LINE],
  // Meta.
  ['mg\r\n', BAD_LINE],
  [`mg ${LONG_KEY} v\r\n`, BAD_LINE],
  ['mg k zz\r\n', 'CLIENT_ERROR invalid flag\r\n'],
  ['mg k v v\r\n', 'CLIENT_ERROR duplicate flag\r\n'],
  ['mg k \xe9\r\n', 'CLIENT_ERROR duplicate flag\r\n'],
  ['mg k T\r\n', 'CLIENT_ERROR bad token in command line format\r\n'],
  ['mg k Tabc\r\n', 'CLIENT_ERROR bad token in command line format\r\n'],
  ['mg k Nabc\r\n', 'CLIENT_ERROR bad token in command line format\r\n'],
  [`mg k O${'1'.repeat(32)}\r\n`, 'CLIENT_ERROR opaque token too long\r\n'],
  [`mg k O${'1'.repeat(31)}\r\n`, '<get k>'],
  ['mg $$$ b v\r\n', 'CLIENT_ERROR error decoding key\r\n'],
  [`mg k ${'1 '.repeat(19)}\r\n`, 'CLIENT_ERROR options flags are too long\r\n'],
  ['ms\r\n', BAD_LINE],
  ['ms k\r\n', BAD_LINE],
  ['ms k abc\r\nx\r\n', BAD_LINE + BAD_LINE],
  ['ms k S1\r\nx\r\n', BAD_LINE + BAD_LINE],
  ['ms k -1\r\nx\r\n', BAD_LINE + BAD_LINE],
  ['ms k 1 zz\r\nx\r\nmn\r\n', 'CLIENT_ERROR invalid flag\r\n<noop>'],
  ['ms k 1 zz q\r\nx\r\nmn\r\n', 'CLIENT_ERROR invalid flag\r\n<noop>'],
  ['ms k 1 MZ\r\nx\r\nmn\r\n', 'CLIENT_ERROR invalid mode for ms M token\r\n<noop>'],
  ['ms k 1 M\r\nx\r\nmn\r\n', 'CLIENT_ERROR incorrect length for M token\r\n<noop>'],
  ['ms k 1 Tabc\r\nx\r\nmn\r\n', 'CLIENT_ERROR bad token in command line format\r\n<noop>'],
  ['ms k 1 Fabc\r\nx\r\nmn\r\n', `${BAD_LINE}<noop>`],
  ['ms k 2 q\r\nabc\r\nmn\r\n', `${BAD_CHUNK}${BAD_LINE}<noop>`],
  ['ms k 1 k O9 b c\r\nx\r\n', 'CLIENT_ERROR error decoding key\r\n'],
  [`ms ${LONG_KEY} 1\r\nx\r\nmn\r\n`, `${BAD_LINE}<noop>`],
  [`ms k 2000000\r\n${'x'.repeat(2_000_000)}\r\nmn\r\n`, '<oversized-put k><noop>'],
  ['md\r\n', BAD_LINE],
  ['md k zz\r\n', 'CLIENT_ERROR invalid or duplicate flag\r\n'],
  ['md $$$ b\r\n', 'CLIENT_ERROR invalid or duplicate flag\r\n'],
  ['ma\r\n', BAD_LINE],
  ['ma k Dabc\r\n', 'CLIENT_ERROR invalid or duplicate flag\r\n'],
  ['ma k M\r\n', 'CLIENT_ERROR invalid or duplicate flag\r\n'],
  ['ma k MZ\r\n', 'CLIENT_ERROR invalid mode for ma M token\r\n'],
  ['me\r\n', BAD_LINE],
  ['me k b\r\n', BAD_LINE],
];

describe('TextParser: replies to wrong lines', () => {
  for (const [sent, expected] of CASES) {
    const title = sent.length > 80 ? `${sent.slice(0, 60)}… (${sent.length} bytes)` : sent;
    it(`answers ${JSON.stringify(title)} as memcached does`, () => {
      expect(dialogue(sent, { shortForms: false })).to.equal(expected);
    });
  }
});

describe('TextParser: ASCII authentication', () => {
  const options = { asciiAuthentication: true };
  const UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated\r\n';

  it('hears nothing but set with user and password', () => {
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

  it('leaves no way in through the binary protocol', () => {
    const noop = `\x80\x0b${'\0'.repeat(22)}\r\n`;
    expect(dialogue(noop, options)).to.equal(UNAUTHENTICATED);
  });
});
