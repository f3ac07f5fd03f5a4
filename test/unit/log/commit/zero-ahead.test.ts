import { expect } from 'chai';

import { KvError } from '../../../../src/errors.js';
import { MIB } from '../../../../src/limits.js';
import { ZeroAhead, isNoSpace } from '../../../../src/log/commit/zero-ahead.js';
import { SuccessorPace } from '../../../../src/log/commit/successor-pace.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { MemoryFile } from '../../../support/memory-file.js';

/** A file that notes its writes and syncs, and has room for `capacity` bytes. */
class NotedFile extends MemoryFile {
  readonly done: string[] = [];
  capacity = Infinity;
  failure: Error | undefined;

  override write(source: Uint8Array, position: number): Promise<number> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.done.push(`write ${position}+${source.length}`);
    const fits = Math.max(0, Math.min(source.length, this.capacity - position));
    return super.write(source.subarray(0, fits), position);
  }

  override sync(): Promise<void> {
    this.done.push('sync');
    return super.sync();
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

const PIECE = 64 * 1024;

describe('ZeroAhead', () => {
  it('extend() writes zeros from the end of the earlier ones and syncs each piece before it counts', async () => {
    const file = new NotedFile(Buffer.alloc(100, 'x'));
    const zeros = new ZeroAhead(file, 100);
    expect(await zeros.extend(6 * PIECE)).to.equal(undefined);
    expect(zeros.allocatedBytes).to.equal(6 * PIECE);
    expect(file.done).to.deep.equal([
      `write 100+${PIECE - 100}`,
      ...[1, 2, 3].map((each) => `write ${each * PIECE}+${PIECE}`),
      `write ${4 * PIECE}+100`,
      'sync',
      `write ${4 * PIECE + 100}+${PIECE - 100}`,
      `write ${5 * PIECE}+${PIECE}`,
      'sync',
    ]);
    expect(file.bytes.subarray(0, 100).every((byte) => byte === 120)).to.equal(true);
    expect(file.bytes.subarray(100).every((byte) => byte === 0)).to.equal(true);
    expect(await zeros.extend(PIECE)).to.equal(undefined);
    expect(file.done.length).to.equal(9);
  });

  it('extend() gives the failure when there is no room, and counts what it synced before', async () => {
    const file = new NotedFile(Buffer.alloc(0));
    file.capacity = MIB + 10;
    const zeros = new ZeroAhead(file, 0);
    expect(isNoSpace(await zeros.extend(3 * MIB))).to.equal(true);
    expect(zeros.allocatedBytes).to.equal(MIB);
  });

  it('extend() joins a running extend() and gives the same failure', async () => {
    const file = new NotedFile(Buffer.alloc(0));
    file.failure = systemError('ENOSPC');
    const zeros = new ZeroAhead(file, 0);
    const both = [zeros.extend(MIB), zeros.extend(2 * MIB)];
    expect(zeros.settled).to.be.instanceOf(Promise);
    expect(await Promise.all(both)).to.deep.equal([file.failure, file.failure]);
    expect(zeros.settled).to.equal(undefined);
    file.failure = undefined;
    expect(await zeros.extend(10)).to.equal(undefined);
  });

  it('extend() ends without a failure when its pace says that there is enough', async () => {
    const zeros = new ZeroAhead(new NotedFile(Buffer.alloc(0)), 0);
    const isAwaited = (): boolean => zeros.allocatedBytes === MIB / 2;
    const pace = new SuccessorPace(new StoppedClock(), () => ({
      leastShare: 0,
      share: 1,
      isAwaited: isAwaited(),
    }));
    expect(await zeros.extend(MIB, pace)).to.equal(undefined);
    expect(zeros.allocatedBytes).to.equal(MIB / 2);
    expect(zeros.settled).to.equal(undefined);
  });

  it('rewrite() puts zeros over the bytes of a failed write, up to the allocated end', async () => {
    const file = new NotedFile(Buffer.alloc(3 * MIB, 'x'));
    const zeros = new ZeroAhead(file, 2 * MIB);
    await zeros.rewrite(500);
    expect(file.bytes.subarray(0, 500).every((byte) => byte === 120)).to.equal(true);
    expect(file.bytes.subarray(500, 2 * MIB).every((byte) => byte === 0)).to.equal(true);
    expect(file.bytes[2 * MIB]).to.equal(120);
    expect(file.done.at(-1)).to.equal('sync');
  });

  it('isNoSpace() recognizes every error for a full disk, and no other failure', () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      expect(isNoSpace(systemError(code)), code).to.equal(true);
    }
    expect(isNoSpace(new KvError('KV_NO_SPACE', 'short'))).to.equal(true);
    for (const code of ['EIO', 'EROFS', 'EMFILE']) {
      expect(isNoSpace(systemError(code)), code).to.equal(false);
    }
    expect(isNoSpace(new KvError('KV_IO', 'other'))).to.equal(false);
    expect(isNoSpace(undefined)).to.equal(false);
  });
});
