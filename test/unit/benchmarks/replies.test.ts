import { expect } from 'chai';
import * as fc from 'fast-check';
import { replyCounter } from '../../../benchmarks/load/replies.js';
import { BatchComposer, keyName, templatesOf, valueOf } from '../../../benchmarks/load/requests.js';
import type { Protocol } from '../../../benchmarks/load/spec.js';

const VALUE_BYTES = 10;
const VALUE = valueOf(VALUE_BYTES).toString();
const HTTP = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

const REPLIES: Record<Protocol, { ok: string[]; miss: string[]; error: string[] }> = {
  memcached: {
    ok: [`VALUE ${keyName(7)} 0 ${VALUE_BYTES}\r\n${VALUE}\r\nEND\r\n`, 'STORED\r\n'],
    miss: ['END\r\n'],
    error: ['ERROR\r\n', 'SERVER_ERROR out of memory\r\n', 'CLIENT_ERROR bad data chunk\r\n'],
  },
  redis: {
    ok: [`$${VALUE_BYTES}\r\n${VALUE}\r\n`, '+OK\r\n'],
    miss: ['$-1\r\n'],
    error: ['-MISCONF Errors writing to the AOF file\r\n'],
  },
  etcd: { ok: [HTTP], miss: [], error: [HTTP.replace('200 OK', '503 Busy')] },
};

function get(key: number): string {
  return `get ${keyName(key)}\r\n`;
}

function setOfAbc(key: number): string {
  return `set ${keyName(key)} 0 0 3\r\nabc\r\n`;
}

function feedInPieces(protocol: Protocol, bytes: Buffer, sizes: readonly number[]) {
  const counter = replyCounter(protocol, VALUE_BYTES);
  let ended = 0;
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + (sizes[i] ?? bytes.length));
    ended += counter.feed(piece, piece.length);
    at += piece.length;
  }
  return { ended, misses: counter.misses, errors: counter.errors };
}

for (const protocol of ['memcached', 'redis', 'etcd'] as const) {
  const { ok, miss, error } = REPLIES[protocol];

  it(`replyCounter(${protocol}) counts the same replies however they are cut`, () => {
    const reply = fc.constantFrom(...ok, ...miss, ...error);
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 30 })),
        (replies, sizes) => {
          const bytes = Buffer.from(replies.join(''));
          expect(feedInPieces(protocol, bytes, sizes)).to.deep.equal({
            ended: replies.length,
            misses: replies.filter((text) => miss.includes(text)).length,
            errors: replies.filter((text) => error.includes(text)).length,
          });
        },
      ),
    );
  });
}

it('replyCounter() throws when a value does not have the expected length', () => {
  const reply = Buffer.from(`VALUE ${keyName(7)} 0 12\r\n${VALUE}ab\r\nEND\r\n`);
  expect(() => feedInPieces('memcached', reply, [])).to.throw('does not end where it should');
});

it('replyCounter() reads only the received bytes of a larger buffer', () => {
  const counter = replyCounter('memcached', VALUE_BYTES);
  expect(counter.feed(Buffer.from('ERROR\r\n\n\n'), 4)).to.equal(0);
  expect(counter.feed(Buffer.from('R\r\n'), 3)).to.equal(1);
});

describe('benchmarks/load/requests', () => {
  it('BatchComposer.add() puts requests of both kinds one behind the other, batch after batch', () => {
    const composer = new BatchComposer(templatesOf('memcached', 3), 4);
    for (const batch of [[1, -2, 3], [-9_999_999, 0, 5, -6], [4]]) {
      composer.clear();
      for (const key of batch) composer.add(Math.abs(key), key >= 0);
      const expected = batch.map((key) => (key >= 0 ? get(key) : setOfAbc(-key)));
      expect(composer.bytes().toString()).to.equal(expected.join(''));
    }
  });

  it('BatchComposer.add() writes a request again where another kind had replaced it', () => {
    const templates = templatesOf('memcached', 10);
    const kept = new BatchComposer(templates, 2);
    // The write of the second batch covers the place of the third batch's second request.
    for (const kinds of [[true, true], [false], [true, true]]) {
      kept.clear();
      const fresh = new BatchComposer(templates, 2);
      for (const [key, isRead] of kinds.entries()) {
        kept.add(key, isRead);
        fresh.add(key, isRead);
      }
      expect(kept.bytes().toString()).to.equal(fresh.bytes().toString());
    }
  });

  it('templatesOf(etcd) names the key in base64', () => {
    const composer = new BatchComposer(templatesOf('etcd', 3), 1);
    composer.add(42, false);
    const body = composer.bytes().toString().split('\r\n\r\n')[1]!;
    expect(JSON.parse(body)).to.deep.equal({
      key: Buffer.from(keyName(42)).toString('base64'),
      value: Buffer.from('abc').toString('base64'),
    });
  });
});
