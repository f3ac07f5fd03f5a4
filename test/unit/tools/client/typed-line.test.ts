import { expect } from 'chai';

import { completeLine, helpText } from '../../../../tools/client/command-table.js';
import { readTypedLine, replyKind } from '../../../../tools/client/typed-line.js';

/** Returns the bytes that would be sent and the kind of reply, in one string. */
function sent(line: string, mode: 'tcp' | 'memcached'): string {
  const typed = readTypedLine(line, mode);
  if (typed.kind === 'request') return `${typed.bytes.toString('latin1')}|${typed.reply}`;
  if (typed.kind === 'announced')
    return `${typed.head.toString()}+${typed.valueBytes}|${typed.reply}`;
  return typed.kind;
}

describe('readTypedLine()', () => {
  it('announces a value by its length in tcp mode, or sends a value typed on the line', () => {
    expect(sent('set test 9', 'tcp')).to.equal('set test 9\r\n+9|reply');
    expect(sent('set test 9 0 ', 'tcp')).to.equal('set test 9 0\r\n+9|reply');
    expect(sent('set test 7 0 9', 'tcp')).to.equal('set test 7 0 9\r\n+9|reply');
    expect(sent('set test gaduValue', 'tcp')).to.equal('set test 9\r\ngaduValue\r\n|reply');
    expect(sent('set test two words', 'tcp')).to.equal('set test 9\r\ntwo words\r\n|reply');
    expect(sent('set test "9"', 'tcp')).to.equal('set test 1\r\n9\r\n|reply');
  });

  it('sends the other commands in the form of memcached in tcp mode too: the plain dialect has none', () => {
    expect(sent('add k 5', 'tcp')).to.equal('add k 0 0 5\r\n+5|reply');
    expect(sent('append k 5 7 noreply', 'tcp')).to.equal('append k 7 0 5 noreply\r\n+5|none');
    expect(sent('replace k text', 'tcp')).to.equal('replace k 0 0 4\r\ntext\r\n|reply');
  });

  it('takes the form of memcached in memcached mode, or a value', () => {
    expect(sent('set k 0 0 5', 'memcached')).to.equal('set k 0 0 5\r\n+5|reply');
    expect(sent('add k 1 -1 5 noreply', 'memcached')).to.equal('add k 1 -1 5 noreply\r\n+5|none');
    expect(sent('set k "9"', 'memcached')).to.equal('set k 0 0 1\r\n9\r\n|reply');
    expect(sent('set k 9', 'memcached')).to.equal('set k 0 0 9\r\n+9|reply');
    expect(sent('set k 9 7 noreply', 'memcached')).to.equal('set k 7 0 9 noreply\r\n+9|none');
    expect(sent('set k a  b', 'memcached')).to.equal('set k 0 0 4\r\na  b\r\n|reply');
    expect(sent('cas k 0 0 5 77', 'memcached')).to.equal('cas k 0 0 5 77\r\n+5|reply');
    expect(sent('ms k 5 T0', 'memcached')).to.equal('ms k 5 T0\r\n+5|reply');
    expect(sent('ms k 5 q', 'memcached')).to.equal('ms k 5 q\r\n+5|barrier');
  });

  it('counts bytes and not characters, and reads escapes in quotes', () => {
    expect(sent('set k ü', 'tcp')).to.equal('set k 2\r\nÃ¼\r\n|reply');
    expect(sent('set k "a\\n\\x00\\xff\\"\\\\"', 'tcp')).to.equal('set k 6\r\na\n\0ÿ"\\\r\n|reply');
    expect(sent('set k "open', 'tcp')).to.equal('set k 5\r\n"open\r\n|reply');
  });

  it('does not send the commands that the client answers itself', () => {
    expect(sent('  ', 'tcp')).to.equal('nothing');
    expect(sent('quit', 'tcp')).to.equal('leave');
    expect(sent('help set', 'tcp')).to.equal('help');
    expect(sent('set', 'tcp')).to.equal('refused');
    expect(sent('set k', 'memcached')).to.equal('refused');
    expect(sent('cas k 0 0 5', 'memcached')).to.equal('refused');
    for (const own of [
      'keys a*',
      'ttl k',
      'STATS',
      'delete a b',
      'Delete a b c',
      'delete_prefix a',
    ])
      expect(sent(own, 'tcp'), own).to.equal('own');
    for (const name of ['GET k', 'Get k']) expect(sent(name, 'tcp')).to.equal('get k\r\n|reply');
    expect(sent('frobnicate x', 'tcp')).to.equal('frobnicate x\r\n|reply');
  });
});

describe('replyKind()', () => {
  it('recognizes requests that get no reply, and requests that get a listing', () => {
    expect(replyKind(['delete', 'k', 'noreply'])).to.equal('none');
    expect(replyKind(['noreply'])).to.equal('reply');
    expect(replyKind(['get', 'noreply'])).to.equal('reply');
    expect(replyKind(['mg', 'k', 'v', 'q'])).to.equal('barrier');
    expect(replyKind(['mg', 'q'])).to.equal('reply');
    expect(replyKind(['lru_crawler', 'metadump', 'all'])).to.equal('listing');
  });
});

describe('completeLine()', () => {
  it('offers commands, and the words that may follow them', () => {
    expect(completeLine('ve')).to.deep.equal([['version ', 'verbosity '], 've']);
    expect(completeLine('stats sl')).to.deep.equal([['slabs'], 'sl']);
    expect(completeLine('help tou')).to.deep.equal([['touch'], 'tou']);
    expect(completeLine('get x')[0]).to.deep.equal([]);
  });
});

describe('helpText()', () => {
  it('shows the forms of the dialect', () => {
    expect(helpText('tcp')).to.contain('set <key> <bytes>');
    expect(helpText('tcp', 'add')).to.contain('<flags> <exptime> <bytes>');
    expect(helpText('memcached', 'set')).to.contain('<flags> <exptime> <bytes>');
    expect(helpText('tcp', 'nope')).to.contain('nope');
  });
});
