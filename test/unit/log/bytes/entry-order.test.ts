// The orders in which a replay reads a list of entries.

import { expect } from 'chai';

import {
  EntryListBuilder,
  hashAt,
  offsetAt,
  wordsOf,
} from '../../../../src/log/bytes/entry-list.js';
import {
  hashEntries,
  inHashOrder,
  wordsByShard,
  wordsInLogOrder,
} from '../../../../src/log/bytes/entry-order.js';
import { encodeFrame, frameBytes } from '../../../../src/log/bytes/format.js';
import { RECORDS } from '../../../support/example-log.js';

const SEED = { k0: 1, k1: 2 };
const SHARDS = 1024;
const COUNT = 5000;

/** Returns puts of 1,000 keys, round after round; the value follows in the last word of each key. */
function listOf(): EntryListBuilder {
  const list = new EntryListBuilder();
  for (let n = 0; n < COUNT; n += 1) {
    const key = Buffer.from(`key${n % 1000}`);
    const record = { ...RECORDS['put']!, seq: n + 1, key, value: Buffer.from('value') };
    const frame = Buffer.alloc(frameBytes(key.length, record.value.length, record.marks));
    encodeFrame(frame, 0, record, record.seq, 0, n * 8);
    list.addFrame(frame, 0, n * 8);
  }
  hashEntries(list, SEED);
  return list;
}

describe('The order of entries', () => {
  it('wordsByShard() gives each entry once, shard after shard, and in log order within a shard', () => {
    const list = listOf();
    const words = wordsOf(list);
    const places = [...wordsByShard(list)];
    expect(new Set(places).size).to.equal(COUNT);
    for (let n = 1; n < COUNT; n += 1) {
      const [before, at] = [places[n - 1]!, places[n]!];
      const step = (hashAt(words, at) & (SHARDS - 1)) - (hashAt(words, before) & (SHARDS - 1));
      expect(step).to.be.at.least(0);
      if (step === 0) expect(offsetAt(words, at)).to.be.above(offsetAt(words, before));
    }
  });

  it('wordsInLogOrder() restores the log order of a sorted list', () => {
    const sorted = inHashOrder(listOf(), 0);
    const words = wordsOf(sorted);
    const offsets = Array.from(wordsInLogOrder(sorted), (at) => offsetAt(words, at));
    expect(offsets).to.deep.equal(Array.from({ length: COUNT }, (_, n) => n * 8));
  });
});
