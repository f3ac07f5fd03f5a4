// ReadThread: small reads give the bytes of the file, and report when they cannot.

import { closeSync, mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { expect } from 'chai';

import { READ_BYTES_MAX } from '../../../src/env/read-ring.js';
import { ReadThread } from '../../../src/env/read-thread.js';
import { removeFolder } from '../../support/remove-folder.js';

const FILE_BYTES = 1_000_000;

describe('ReadThread', () => {
  const contents = Buffer.from(Uint8Array.from({ length: FILE_BYTES }, (_, at) => (at * 31) % 251));
  let dir: string;
  let fd: number;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-'));
    writeFileSync(join(dir, 'file'), contents);
    fd = openSync(join(dir, 'file'), 'r');
  });
  after(() => {
    closeSync(fd);
    removeFolder(dir);
  });

  /** Returns a thread that enough pool reads have started, and that has done its first read. */
  async function started(): Promise<ReadThread> {
    const thread = new ReadThread();
    for (let reads = 0; reads < 8; reads++) thread.pooled(1);
    const target = Buffer.alloc(10);
    let first = thread.read(fd, target, 5);
    while (first === undefined) {
      await turn();
      first = thread.read(fd, target, 5);
    }
    expect(await first).to.equal(true);
    expect(target).to.deep.equal(contents.subarray(5, 15));
    return thread;
  }

  it('read() gives undefined before enough reads have met in the pool', () => {
    const thread = new ReadThread();
    for (let reads = 0; reads < 7; reads++) thread.pooled(1);
    expect(thread.read(fd, Buffer.alloc(10), 0)).to.equal(undefined);
  });

  it('read() fills targets of all sizes from all places, also after the ring has wrapped', async () => {
    const thread = await started();
    for (let round = 0; round < 8; round++) {
      const reads = Array.from({ length: 200 }, (_, n) => {
        const position = (round * 7919 + n * 4801) % (FILE_BYTES - READ_BYTES_MAX);
        const target = Buffer.alloc(1 + ((n * 37) % READ_BYTES_MAX));
        return { position, target, done: thread.read(fd, target, position) };
      });
      for (const { position, target, done } of reads) {
        expect(await done).to.equal(true);
        expect(target.equals(contents.subarray(position, position + target.length))).to.equal(true);
      }
    }
  });

  it('read() takes no more reads than the ring holds, and no read that is too long', async () => {
    const thread = await started();
    const reads = Array.from({ length: 300 }, () => thread.read(fd, Buffer.alloc(8), 0));
    const taken = reads.filter((each) => each !== undefined);
    expect(taken.length).to.equal(256);
    expect(await Promise.all(taken)).to.not.include(false);
    expect(thread.read(fd, Buffer.alloc(READ_BYTES_MAX + 1), 0)).to.equal(undefined);
  });

  it('read() gives false when it cannot read the whole range, and the thread goes on', async () => {
    const thread = await started();
    expect(await thread.read(fd, Buffer.alloc(100), FILE_BYTES - 10)).to.equal(false);
    expect(await thread.read(9999, Buffer.alloc(100), 0)).to.equal(false);
    const target = Buffer.alloc(100);
    expect(await thread.read(fd, target, FILE_BYTES - 100)).to.equal(true);
    expect(target).to.deep.equal(contents.subarray(-100));
  });

  it('read() keeps the upper half of an offset above 4 GiB', async () => {
    const thread = await started();
    // The offset is behind the end of the file; without its upper half it would be inside.
    expect(await thread.read(fd, Buffer.alloc(10), 2 ** 32 + 5)).to.equal(false);
  });
});
