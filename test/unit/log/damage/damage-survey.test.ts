import { expect } from 'chai';
import * as fc from 'fast-check';

import { damageEnd, surveyDamage } from '../../../../src/log/damage/damage-survey.js';
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../../../../src/log/bytes/format.js';
import type { LogRecord } from '../../../../src/log/bytes/format.js';
import { RECORDS, SALT, batchOf } from '../../../support/example-log.js';
import { MemoryFile } from '../../../support/memory-file.js';
import { seeded } from '../../../support/seed.js';

/** Returns batches of the example's records, behind room for a segment header. */
function logOf(batches: readonly (readonly LogRecord[])[]): Buffer {
  let log = Buffer.alloc(SEGMENT_HEADER_BYTES);
  for (const records of batches) log = Buffer.concat([log, batchOf(records, log.length)]);
  return log;
}

async function survey(log: Buffer, start = SEGMENT_HEADER_BYTES): Promise<unknown> {
  const { frames, lost } = await surveyDamage(new MemoryFile(log), SALT, start, log.length);
  return {
    frames: frames.map(({ record }) => record.seq),
    lost: lost.map(({ offset, bytes, what, seems }) => [offset, bytes, what, seems?.seq]),
  };
}

const FIRST = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES;
const records = Object.values(RECORDS);
const [put, empty, expiring] = records as [LogRecord, LogRecord, LogRecord];

describe('surveyDamage()', () => {
  it('finds the whole frames beside a damaged one, and the seq that this one seems to have had', async () => {
    const log = logOf([[put, empty, expiring]]);
    log[FIRST + 48 + 34]! ^= 1;
    const { lost } = (await survey(log)) as { lost: unknown[] };
    expect(lost).to.deep.equal([[FIRST + 48, 40, 'frame', empty.seq]]);
    expect(await survey(log)).to.deep.include({ frames: [put.seq, expiring.seq] });
  });

  it('loses no record to a damaged batch header', async () => {
    const log = logOf([[put, empty]]);
    log[SEGMENT_HEADER_BYTES + 9]! ^= 1;
    expect(await survey(log)).to.deep.equal({
      frames: [put.seq, empty.seq],
      lost: [[SEGMENT_HEADER_BYTES, BATCH_HEADER_BYTES, 'batch header', undefined]],
    });
  });

  it('loses only one record to a damaged length', async () => {
    const log = logOf([[put, empty, expiring]]);
    log[FIRST + 5]! ^= 1;
    expect(await survey(log)).to.deep.equal({
      frames: [empty.seq, expiring.seq],
      lost: [[FIRST, 48, 'frame', put.seq]],
    });
  });

  it('reports zeros and missing bytes', async () => {
    const log = logOf([[put, empty]]);
    log.fill(0, FIRST);
    const { lost } = await surveyDamage(new MemoryFile(log), SALT, 64, log.length + 100);
    expect(lost.map(({ what, bytes }) => [what, bytes])).to.deep.equal([
      ['zeros', log.length - FIRST],
      ['frame', 100],
    ]);
  });

  it('takes no frame that was moved to another offset', async () => {
    const log = logOf([[put], [empty]]);
    const moved = Buffer.concat([log.subarray(0, 64), Buffer.alloc(8), log.subarray(64)]);
    expect(await survey(moved)).to.deep.include({ frames: [] });
  });

  it('loses at most the frame that a flipped bit hits, and names its bytes', async () => {
    const log = logOf([records.slice(0, 5), records.slice(5, 9), records.slice(9)]);
    const bits = (log.length - SEGMENT_HEADER_BYTES) * 8;
    const property = fc.asyncProperty(fc.nat(bits - 1), async (bit) => {
      const bad = Buffer.from(log);
      const at = SEGMENT_HEADER_BYTES + (bit >> 3);
      bad[at]! ^= 1 << (bit & 7);
      const file = new MemoryFile(bad);
      const { frames, lost } = await surveyDamage(file, SALT, SEGMENT_HEADER_BYTES, bad.length);
      const isHeader = lost.some(({ what }) => what === 'batch header');
      expect(frames.length).to.equal(records.length - (isHeader ? 0 : 1));
      expect(lost.length).to.equal(1);
      const [place] = lost;
      expect(at).to.be.within(place!.offset, place!.offset + place!.bytes - 1);
    });
    await fc.assert(property, seeded('flips', 500));
  });
});

describe('damageEnd()', () => {
  it('gives the offset of the next whole batch, or the limit', async () => {
    const log = logOf([[put], [empty], [expiring]]);
    const second = 64 + batchOf([put], 64).length;
    log[FIRST]! ^= 1;
    const file = new MemoryFile(log);
    expect(await damageEnd(file, SALT, 64, log.length)).to.equal(second);
    expect(await damageEnd(file, SALT, second, log.length)).to.equal(second);
    log.fill(0, second);
    expect(await damageEnd(file, SALT, 64, log.length)).to.equal(log.length);
  });
});
