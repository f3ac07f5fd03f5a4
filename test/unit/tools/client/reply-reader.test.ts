import { expect } from 'chai';

import { ReplyReader, type Reply, type ReplyKind } from '../../../../tools/client/reply-reader.js';

/** Feeds the pieces one by one, and collects the replies. */
function readAll(pieces: readonly Buffer[], kinds: readonly ReplyKind[]): Reply[] {
  const reader = new ReplyReader();
  const replies: Reply[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    let reply: Reply | undefined;
    do {
      reply = replies.length < kinds.length ? reader.next(kinds[replies.length]!) : undefined;
      if (reply !== undefined) replies.push(reply);
    } while (reply !== undefined);
  }
  expect(reader.takeRest().length).to.equal(0);
  return replies;
}

const STREAM = Buffer.from(
  'STORED\r\nVALUE a 7 5 12\r\nEND\r\n\r\nVALUE b 0 0\r\n\r\nEND\r\nVA 4 f0\r\nHD\r\n\r\nNot-Exists\r\n' +
    'STAT pid 1\r\nSTAT x y z\r\nEND\r\nOK\r\nkey=a exp=-1\nEND\r\nHD\r\nVA 1\r\nx\r\nMN\r\n',
);
const KINDS: readonly ReplyKind[] = [
  'reply',
  'reply',
  'reply',
  'reply',
  'reply',
  'listing',
  'barrier',
];

function check(replies: readonly Reply[]): void {
  const last = replies.map((reply) => reply.last);
  expect(last).to.deep.equal(['STORED', 'END', 'VA 4 f0', 'Not-Exists', 'END', 'END', 'MN']);
  const [a, b] = replies[1]!.items;
  expect(a).to.deep.equal({
    key: 'a',
    flags: 7,
    cas: '12',
    value: Buffer.from('END\r\n'),
    returned: [],
  });
  expect(b?.value.length).to.equal(0);
  expect(replies[2]!.items[0]?.value.toString()).to.equal('HD\r\n');
  expect(replies[2]!.items[0]?.returned).to.deep.equal(['f0']);
  expect(replies[4]!.rows).to.deep.equal(['STAT pid 1', 'STAT x y z']);
  expect(replies[5]!.rows).to.deep.equal(['OK', 'key=a exp=-1']);
  expect(replies[6]!.rows).to.deep.equal(['HD']);
  expect(Buffer.concat(replies.flatMap((reply) => reply.raw)).equals(STREAM)).to.equal(true);
}

describe('ReplyReader', () => {
  it('next() cuts a stream into the same replies wherever it is split', () => {
    for (let at = 0; at <= STREAM.length; at += 1) {
      check(readAll([STREAM.subarray(0, at), STREAM.subarray(at)], KINDS));
    }
  });

  it('next() cuts a stream that comes byte by byte', () => {
    check(
      readAll(
        [...STREAM].map((byte) => Buffer.from([byte])),
        KINDS,
      ),
    );
  });

  it('next() reads the plain form of a value', () => {
    const bytes = Buffer.from('VALUE test 9\r\ngaduValue\r\nEND\r\n');
    const [reply] = readAll([bytes], ['reply']);
    expect(reply?.items[0]?.value.toString()).to.equal('gaduValue');
    expect(reply?.items[0]?.cas).to.equal(undefined);
  });

  it('next() refuses a line without an end instead of filling the memory', () => {
    const reader = new ReplyReader();
    reader.push(Buffer.alloc(2 * 1024 * 1024, 0x61));
    expect(() => reader.next('reply')).to.throw('no line end');
  });
});
