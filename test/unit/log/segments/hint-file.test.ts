// Hints: a hint gives the same entries as its segment, or none.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { replaysValue } from '../../../../src/log/bytes/entry-list.js';
import type { ReplayEntry } from '../../../../src/log/bytes/entry-list.js';
import { RECORD_MARK, RECORD, SEGMENT_HEADER_BYTES } from '../../../../src/log/bytes/format.js';
import type { LogRecord } from '../../../../src/log/bytes/format.js';
import { HintBuilder } from '../../../../src/log/bytes/hint.js';
import { loadHint, writeHint } from '../../../../src/log/segments/hint-file.js';
import { SimWorld } from '../../../sim/sim-world.js';
import { frameOf, RECORDS, SEGMENT_HEADER } from '../../../support/example-log.js';
import { seeded } from '../../../support/seed.js';
import { entriesOf } from '../../../support/sim-log.js';
import { settle } from '../../../support/sim-store.js';

const DIR = '/data';
const FACTS = { lastSeq: 2 ** 40, timeMs: 1_700_000_000_000 };
const SEED = { k0: 1, k1: 2 };
const PLACE = { ...SEGMENT_HEADER, committedBytes: 2 ** 33 };

function built(records: readonly LogRecord[]): { hint: Buffer; entries: ReplayEntry[] } {
  const builder = new HintBuilder();
  let offset = SEGMENT_HEADER_BYTES;
  const entries = records.map((record) => {
    const frame = frameOf(record, offset);
    const bytes = frame.length;
    builder.addFrame(frame, 0, offset);
    const { cas: _cas, ...rest } = record;
    const value = replaysValue(record) ? record.value : Buffer.alloc(0);
    const entry = { ...rest, flags: 0, value, offset, bytes };
    offset += bytes;
    return entry;
  });
  return { hint: Buffer.from(builder.finish(PLACE, FACTS, SEED)), entries };
}

/** Returns the entries that loadHint() visits, or undefined when it ignores the hint. */
async function loaded(
  hint: Buffer,
  place: typeof PLACE = PLACE,
): Promise<{ facts: unknown; entries: ReplayEntry[] } | undefined> {
  const world = new SimWorld(1);
  world.disk.makeDir(DIR);
  const { fs } = world.boot();
  await settle(world, writeHint(fs, DIR, PLACE, hint));
  const found = await settle(world, loadHint(fs, DIR, place));
  return found && { facts: found.facts, entries: entriesOf(found.entries) };
}

const record = fc
  .record({
    of: fc.constantFrom(...Object.values(RECORDS)),
    key: fc.uint8Array({ minLength: 1, maxLength: 250 }),
    value: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    seq: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    expiresAt: fc.nat(2 ** 40),
  })
  .map(({ of, key, value, ...rest }): LogRecord => {
    const bytes = Buffer.from(value).subarray(0, of.type === RECORD.touch ? 8 : 16);
    return { ...of, ...rest, key: Buffer.from(key), value: bytes };
  });

describe('log/segments/hint-file', () => {
  it('loadHint() visits the added entries in order, with their places', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), async (records) => {
        const { hint, entries } = built(records);
        expect(await loaded(hint)).to.deep.equal({ facts: FACTS, entries });
      }),
      seeded('loadHint()', 60),
    );
  });

  it('HintBuilder grows beyond its first buffer', async () => {
    const key = Buffer.alloc(60_000, 'k');
    const records = [1, 2, 3, 4].map((seq) => ({ ...RECORDS['put']!, seq, key }));
    const { hint, entries } = built(records);
    expect(await loaded(hint)).to.deep.equal({ facts: FACTS, entries });
  });

  it('loadHint() ignores a hint in which any byte is wrong, and a hint that is cut', async () => {
    const { hint } = built(Object.values(RECORDS).slice(0, 3));
    for (let at = 0; at < hint.length; at++) {
      const flipped = Buffer.from(hint);
      flipped[at]! ^= 1 << (at & 7);
      expect(await loaded(flipped), `byte ${at}`).to.equal(undefined);
      if (at % 7 === 0) expect(await loaded(hint.subarray(0, at))).to.equal(undefined);
    }
  });

  it('loadHint() ignores the hint of another segment, generation, salt or length', async () => {
    const { hint } = built([RECORDS['put']!]);
    const others: Partial<typeof PLACE>[] = [
      { first: 2 },
      { salt: PLACE.salt + 1 },
      { committedBytes: PLACE.committedBytes + 8 },
    ];
    for (const other of others) {
      expect(await loaded(hint, { ...PLACE, ...other })).to.equal(undefined);
    }
    expect(await loaded(hint, { ...PLACE, generation: 1 })).to.equal(undefined);
  });

  it('replaysValue() gives true only for a touch, a flush and a large value', () => {
    for (const [name, { type, marks }] of Object.entries(RECORDS)) {
      const namesSeq = name.startsWith('touch') || name.startsWith('flush');
      const expected = namesSeq || name === 'put-large-value';
      expect(replaysValue({ type, marks }), name).to.equal(expected);
    }
    expect(
      replaysValue({ type: RECORD.put, marks: RECORD_MARK.largeValue | RECORD_MARK.won }),
    ).to.equal(true);
  });
});
