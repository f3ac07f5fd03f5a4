// KeyWalk: the pieces of a walk over keys, against a list of keys that answers as etcd does.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { KeyWalk } from '../../../../src/cluster/etcd/key-walk.js';
import { seeded } from '../../../support/seed.js';

const PREFIX = Buffer.from('cairn/k/');

interface Read {
  readonly keys: readonly Buffer[];
  readonly requests: number;
  /** The number of keys that etcd would have counted. */
  readonly counted: number;
}

function sorted(keys: readonly Buffer[]): Buffer[] {
  const unique = new Map(keys.map((key) => [key.toString('hex'), key]));
  return [...unique.values()].sort((one, other) => one.compare(other));
}

function readAll(stored: readonly Buffer[], limit: number): Read {
  const walk = new KeyWalk(PREFIX);
  const keys: Buffer[] = [];
  let requests = 0;
  let counted = 0;
  for (let { piece } = walk; piece !== undefined; { piece } = walk) {
    const { key, range_end } = piece;
    expect(key.compare(range_end), 'an empty piece is not asked for').to.be.below(0);
    const there = stored.filter((each) => each.compare(key) >= 0 && each.compare(range_end) < 0);
    const page = there.slice(0, limit);
    keys.push(...page);
    requests += 1;
    counted += there.length;
    const [first, last] = [page[0], page.at(-1)];
    // Each key stands for a thousand keys.
    const more = 1000 * (there.length - page.length);
    if (more > 0 && first !== undefined && last !== undefined) walk.goOn(first, last, more);
    else walk.leave();
  }
  return { keys, requests, counted };
}

describe('KeyWalk', () => {
  it('gives every key once, in order, whatever the keys', () => {
    const byte = fc.constantFrom(0, 1, 0x61, 0x62, 0xfe, 0xff);
    const key = fc.array(byte, { maxLength: 12 }).map((bytes) => Buffer.from(bytes));
    const limits = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 300 }), limits, (given, limit) => {
        const stored = sorted(given.map((each) => Buffer.concat([PREFIX, each])));
        const { keys } = readAll(stored, limit);
        expect(keys.map(String)).to.deep.equal(stored.map(String));
      }),
      seeded('pieces of a walk', 500),
    );
  });

  it('makes etcd count only few keys more than once', () => {
    const stored = Array.from({ length: 5000 }, (_, at) =>
      Buffer.from(`cairn/k/user:${String(at * 7).padStart(7, '0')}`),
    );
    const { keys, requests, counted } = readAll(stored, 20);
    expect(keys).to.have.lengthOf(5000);
    expect(requests, 'requests').to.be.below(4 * 250);
    expect(counted, 'counted').to.be.below(25 * 5000);
    // A walk page by page to the end would count 250 times 2,500 keys on average: 625,000.
  });
});
