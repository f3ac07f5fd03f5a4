import { expect } from 'chai';

import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../../../../src/log/bytes/format.js';
import { SegmentTable } from '../../../../src/log/segments/segment.js';
import type { Segment } from '../../../../src/log/segments/segment.js';
import { MemoryFile } from '../../../support/memory-file.js';

class ClosableFile extends MemoryFile {
  isClosed = false;

  override close(): Promise<void> {
    this.isClosed = true;
    return super.close();
  }
}

function place(number: number, last = number): Omit<Segment['entry'], 'bytes'> {
  return { first: number, last, generation: 0, salt: number };
}

function tableOf(count: number): { table: SegmentTable; segments: Segment[] } {
  const table = new SegmentTable();
  const segments = Array.from({ length: count }, (_, at) =>
    table.add(place(at + 1), new ClosableFile(Buffer.alloc(0))),
  );
  return { table, segments };
}

function isClosed(segment: Segment): boolean {
  return (segment.file as ClosableFile).isClosed;
}

/** Lets every promise settle that can settle now. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('SegmentTable', () => {
  it('at() finds each segment by its slot, and no slot has two segments', () => {
    const { table, segments } = tableOf(5);
    expect(new Set(segments.map(({ slot }) => slot)).size).to.equal(5);
    for (const segment of segments) expect(table.at(segment.slot)).to.equal(segment);
    expect(() => table.at(5)).to.throw('A slot in the keydir names a live segment');
  });

  it('retire() closes the file and frees the slot only after the last reader', async () => {
    const { table, segments } = tableOf(3);
    const [, segment] = segments as [Segment, Segment, Segment];
    segment.acquire();
    segment.acquire();
    const retired = table.retire(segment);
    await turn();
    segment.release();
    await turn();
    expect(isClosed(segment)).to.equal(false);
    expect(table.at(segment.slot)).to.equal(segment);
    expect(table.create(place(9), new ClosableFile(Buffer.alloc(0))).slot).to.equal(3);
    segment.release();
    await retired;
    expect(isClosed(segment)).to.equal(true);
    expect(() => table.at(segment.slot)).to.throw('live segment');
    const next = table.create(place(10), new ClosableFile(Buffer.alloc(0)));
    expect(next.slot).to.equal(segment.slot);
  });

  it('release() throws when it is called more often than acquire()', () => {
    const [segment] = tableOf(1).segments as [Segment];
    segment.acquire();
    segment.release();
    expect(() => segment.release()).to.throw('as often as it was acquired');
  });

  it('replace() puts the output in the place of the run, and restore() undoes it', () => {
    const { table, segments } = tableOf(5);
    const run = segments.slice(1, 4);
    const output = table.create(place(2, 4), new ClosableFile(Buffer.alloc(0)));
    expect(table.ordered).to.deep.equal(segments);
    table.replace(run, output);
    expect(table.ordered).to.deep.equal([segments[0], output, segments[4]]);
    for (const segment of run) expect(table.at(segment.slot)).to.equal(segment);
    table.restore(run, output);
    expect(table.ordered).to.deep.equal(segments);
  });

  it('drop() takes a segment out of the order and leaves the others', () => {
    const { table, segments } = tableOf(3);
    table.drop(segments[2]!);
    expect(table.ordered).to.deep.equal(segments.slice(0, 2));
  });

  it('entry has the length only of a sealed segment', () => {
    const [segment] = tableOf(1).segments as [Segment];
    segment.committedBytes = 4096;
    expect(segment.entry.bytes).to.equal(null);
    segment.sealed = true;
    expect(segment.entry).to.deep.equal({ ...place(1), bytes: 4096 });
    expect(segment.name).to.equal('0000000001-0000.seg');
  });

  it('deadBytes counts the bytes that are neither header, live nor kept, and is never negative', () => {
    const [segment] = tableOf(1).segments as [Segment];
    expect(segment.deadBytes).to.equal(0);
    segment.committedBytes = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES + 1000;
    segment.liveBytes = 300;
    segment.keptBytes = 100;
    expect(segment.deadBytes).to.equal(600);
  });
});
