// The promises of the simulator are true: without this test, a green simulation proves nothing.

import { expect } from 'chai';

import type { File } from '../../src/env/env.js';
import { FaultPlan, type Fault } from './fault-plan.js';
import type { CrashStyle } from './power-loss.js';
import type { Settled } from './scheduler.js';
import { SimWorld, type SimProcess } from './sim-world.js';

const DIR = '/data';
const PATH = '/data/a';
const LOST: CrashStyle = { kind: 'lost' };
const KEPT: CrashStyle = { kind: 'kept' };

function start(seed = 1): { world: SimWorld; process: SimProcess } {
  const world = new SimWorld(seed);
  world.disk.makeDir(DIR);
  return { world, process: world.boot() };
}

async function done<T>(world: SimWorld, promise: Promise<T>): Promise<T> {
  const settled = await world.scheduler.settle(promise);
  if (settled.kind === 'value') return settled.value;
  throw settled.kind === 'error' ? settled.error : new Error(settled.kind);
}

/** Makes a file with these bytes, durable with its name. */
async function durableFile(
  { world, process }: ReturnType<typeof start>,
  bytes: Buffer,
): Promise<File> {
  const file = await done(world, process.fs.open(PATH, 'create'));
  await done(world, file.write(bytes, 0));
  await done(world, file.sync());
  await done(world, process.fs.syncDir(DIR));
  return file;
}

function onDisk(world: SimWorld, path = PATH): string | undefined {
  const inode = world.disk.find(path);
  return inode === undefined ? undefined : Buffer.from(inode.durable()).toString('latin1');
}

describe('SimWorld files', () => {
  it('loses what was not synced at a power loss and keeps it at a kill', async () => {
    for (const [end, expected] of [
      ['kill', 'oldNEW'],
      ['power', 'old'],
    ]) {
      const at = start();
      const file = await durableFile(at, Buffer.from('old'));
      await done(at.world, file.write(Buffer.from('NEW'), 3));
      if (end === 'kill') at.world.kill();
      else at.world.losePower(LOST);
      expect(Buffer.from(at.world.disk.find(PATH)?.cached() ?? []).toString()).to.equal(expected);
    }
  });

  it('keeps a write-through write without a sync, also over an older cached one', async () => {
    const at = start();
    const file = await durableFile(at, Buffer.from('........'));
    await done(at.world, file.write(Buffer.from('OLDER'), 0));
    const through = await done(at.world, at.process.fs.open(PATH, 'write-through'));
    await done(at.world, through.write(Buffer.from('new'), 1));
    const { disk } = at.world;
    expect(onDisk({ disk: disk.afterPowerLoss(LOST) } as SimWorld)).to.equal('.new....');
    expect(onDisk({ disk: disk.afterPowerLoss(KEPT) } as SimWorld)).to.equal('OnewR...');
  });

  it('may leave any subset of the sectors of a write in flight, and nothing beside them', async () => {
    const at = start();
    const old = Buffer.alloc(4 * 512, 'o');
    const file = await durableFile(at, old);
    await done(at.world, file.write(Buffer.alloc(3 * 512, 'n'), 100));
    const seen = new Set<string>();
    for (let seed = 0; seed < 400; seed++) {
      const image = at.world.disk.afterPowerLoss({ kind: 'random', seed, hostile: false });
      const bytes = Buffer.from(image.find(PATH)?.cached() ?? []);
      expect(bytes.length).to.equal(2048);
      expect(bytes.subarray(0, 100).every((byte) => byte === 0x6f)).to.equal(true);
      expect(bytes.subarray(1636).every((byte) => byte === 0x6f)).to.equal(true);
      const parts = [
        bytes.subarray(100, 512),
        bytes.subarray(512, 1024),
        bytes.subarray(1024, 1536),
      ];
      seen.add(parts.map((part) => fateOf(part)).join(' '));
    }
    for (const fates of ['n n n', 'o o o', 'o n n', 'n o n', 'n n o', '0 0 0', '? ? ?']) {
      expect([...seen], fates).to.include(fates);
    }
  });

  it('leaves sizes in between for a file that was growing', async () => {
    const at = start();
    const file = await durableFile(at, Buffer.from('12345678'));
    await done(at.world, file.write(Buffer.alloc(2000, 'n'), 8));
    const sizes = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const image = at.world.disk.afterPowerLoss({ kind: 'random', seed, hostile: false });
      sizes.add(image.find(PATH)?.size ?? -1);
    }
    expect(Math.min(...sizes)).to.equal(8);
    expect(Math.max(...sizes)).to.equal(2008);
    expect(sizes.size).to.be.greaterThan(10);
  });

  it('tears a write at every byte in the style prefix', async () => {
    const at = start();
    const file = await durableFile(at, Buffer.from('----'));
    await done(at.world, file.write(Buffer.from('ab'), 0));
    await done(at.world, file.write(Buffer.from('cd'), 2));
    expect(at.world.disk.pendingLengths()).to.deep.equal([2, 2]);
    const images = [0, 1].flatMap((changes) =>
      [0, 1, 2].map((bytes) => {
        const disk = at.world.disk.afterPowerLoss({ kind: 'prefix', changes, bytes });
        return onDisk({ disk } as SimWorld);
      }),
    );
    expect(images).to.deep.equal(['----', 'a---', 'ab--', 'ab--', 'abc-', 'abcd']);
  });

  it('does not count a write made while a sync was running', async () => {
    const at = start();
    const file = await durableFile(at, Buffer.from('..'));
    await done(at.world, file.write(Buffer.from('a'), 0));
    let late: Promise<number> | undefined;
    at.world.observe = ({ kind, phase }) => {
      if (kind === 'sync' && phase === 'started') late = file.write(Buffer.from('b'), 1);
    };
    await done(at.world, file.sync());
    await done(at.world, late ?? Promise.reject(new Error('no write')));
    at.world.losePower(LOST);
    expect(onDisk(at.world)).to.equal('a.');
  });
});

function fateOf(part: Buffer): string {
  if (part.every((byte) => byte === 0x6e)) return 'n';
  if (part.every((byte) => byte === 0x6f)) return 'o';
  return part.every((byte) => byte === 0) ? '0' : '?';
}

describe('SimWorld directories', () => {
  it('loses a created file, however synced, without syncDir()', async () => {
    const { world, process } = start();
    const file = await done(world, process.fs.open(PATH, 'create'));
    await done(world, file.write(Buffer.from('x'), 0));
    await done(world, file.sync());
    world.losePower(LOST);
    expect(world.disk.list(DIR)).to.deep.equal([]);
  });

  it('loses a rename and a removal without syncDir() and keeps them with it', async () => {
    const at = start();
    await durableFile(at, Buffer.from('x'));
    await done(at.world, at.process.fs.rename(PATH, '/data/b'));
    expect(at.world.disk.afterPowerLoss(LOST).list(DIR)).to.deep.equal(['a']);
    await done(at.world, at.process.fs.syncDir(DIR));
    expect(at.world.disk.afterPowerLoss(LOST).list(DIR)).to.deep.equal(['b']);
    await done(at.world, at.process.fs.remove('/data/b'));
    expect(at.world.disk.afterPowerLoss(LOST).list(DIR)).to.deep.equal(['b']);
    await done(at.world, at.process.fs.syncDir(DIR));
    expect(at.world.disk.afterPowerLoss(LOST).list(DIR)).to.deep.equal([]);
  });

  it('keeps a prefix of the changes, and on a hostile disk any subset', async () => {
    const { world, process } = start();
    for (const name of ['1', '2', '3'])
      await done(world, process.fs.open(`/data/${name}`, 'create'));
    const images = (hostile: boolean): Set<string> => {
      const seen = new Set<string>();
      for (let seed = 0; seed < 200; seed++) {
        seen.add(
          (world.disk.afterPowerLoss({ kind: 'random', seed, hostile }).list(DIR) ?? []).join(''),
        );
      }
      return seen;
    };
    expect([...images(false)].sort()).to.deep.equal(['', '1', '12', '123']);
    expect(images(true).size).to.equal(8);
  });

  it('frees the lock at a crash and not before', async () => {
    const { world, process } = start();
    await done(world, process.fs.lock('/data/lock'));
    const second = await world.scheduler.settle(process.fs.lock('/data/lock'));
    expect(second).to.have.nested.property('error.code', 'KV_LOCKED');
    world.kill();
    await done(world, world.boot().fs.lock('/data/lock'));
  });
});

async function withFault(
  fault: Fault,
  call: (file: File) => Promise<unknown>,
): Promise<[SimWorld, Settled<unknown>]> {
  const at = start();
  const file = await durableFile(at, Buffer.from('old'));
  at.world.faults = new FaultPlan([fault]);
  return [at.world, await at.world.scheduler.settle(call(file))];
}

describe('SimWorld faults', () => {
  it('lets a failed sync lie: the cache is good, the disk is bad, and the next sync succeeds', async () => {
    const error = { kind: 'error', code: 'EIO' } as const;
    const [world, ended] = await withFault(
      { at: 1, kinds: ['sync'], effect: error },
      async (file) => {
        await file.write(Buffer.alloc(100, 'n'), 0);
        const failure: unknown = await file.sync().then(
          () => undefined,
          (cause: unknown) => cause,
        );
        await file.sync();
        return failure;
      },
    );
    expect(ended).to.have.nested.property('value.code', 'EIO');
    world.kill();
    expect(Buffer.from(world.disk.find(PATH)?.cached() ?? []).toString()).to.equal('n'.repeat(100));
    world.losePower(KEPT);
    expect(onDisk(world)).not.to.equal('n'.repeat(100));
  });

  it('fails once or for ever, and only the kinds named', async () => {
    for (const forever of [false, true]) {
      const effect = { kind: 'error', code: 'EIO', forever } as const;
      const [, ended] = await withFault({ at: 2, kinds: ['read'], effect }, async (file) => {
        const codes: string[] = [];
        for (let round = 0; round < 4; round++) {
          await file.write(Buffer.from('x'), 0);
          codes.push(
            await file.read(Buffer.alloc(1), 0).then(
              () => 'ok',
              () => 'failed',
            ),
          );
        }
        return codes.join(' ');
      });
      const expected = forever ? 'ok failed failed failed' : 'ok failed ok ok';
      expect(ended).to.deep.equal({ kind: 'value', value: expected });
    }
  });

  it('writes short without an error, by fault and when the disk fills up, and then fails with ENOSPC', async () => {
    const [, ended] = await withFault(
      { at: 1, kinds: ['write'], effect: { kind: 'short' } },
      (file) => file.write(Buffer.alloc(50), 0),
    );
    expect(ended.kind === 'value' && (ended.value as number)).to.be.within(1, 49);

    const at = start();
    const file = await durableFile(at, Buffer.alloc(10));
    at.world.disk.capacityBytes = 30;
    expect(await done(at.world, file.write(Buffer.alloc(50), 10))).to.equal(20);
    const full = await at.world.scheduler.settle(file.write(Buffer.alloc(1), 30));
    expect(full).to.have.nested.property('error.code', 'ENOSPC');
    expect(await done(at.world, file.write(Buffer.alloc(30), 0))).to.equal(30);
    await done(at.world, at.process.fs.remove(PATH));
    expect(await done(at.world, at.process.fs.freeBytes(DIR))).to.equal(30);
  });

  it('stops the process before, during or after an operation', async () => {
    for (const [when, kept] of [
      ['before', 'old'],
      ['during', 'oldNEW'],
      ['after', 'oldNEW'],
    ] as const) {
      const crash: Fault = { at: 1, kinds: ['write'], effect: { kind: 'crash', when } };
      const [world, ended] = await withFault(crash, (file) => file.write(Buffer.from('NEW'), 3));
      expect(ended.kind).to.equal('stopped');
      world.losePower(KEPT);
      expect(onDisk(world)).to.equal(kept);
    }
  });
});

async function orderOfAnswers(seed: number): Promise<string> {
  const { world, process } = start(seed);
  const order: number[] = [];
  const files = [0, 1, 2, 3].map((name) =>
    process.fs.open(`/data/${name}`, 'create').then(() => order.push(name)),
  );
  await done(world, Promise.all(files));
  return order.join('');
}

describe('SimWorld time and threads', () => {
  it('runs timers in order, in virtual time, and no timer of a dead process', async () => {
    const { world, process } = start();
    const calls: string[] = [];
    process.clock.setTimer(5000, () => calls.push('5 s'));
    process.clock.setTimer(1000, () => calls.push('1 s'));
    process.clock.setTimer(2000, () => calls.push('never')).cancel();
    process.clock.defer(() => calls.push('now'));
    const before = process.clock.wallMs();
    await world.scheduler.advance(3000);
    expect(calls).to.deep.equal(['now', '1 s']);
    expect(process.clock.wallMs() - before).to.equal(3000);
    world.wallOffsetMs = -10_000;
    expect(process.clock.wallMs()).to.be.lessThan(before);
    world.kill();
    world.boot();
    await world.scheduler.advance(10_000);
    expect(calls).to.deep.equal(['now', '1 s']);
  });

  it('settle() returns stuck when nothing can happen, and fatal when a timer throws', async () => {
    const { world, process } = start();
    expect(await world.scheduler.settle(new Promise(() => {}))).to.have.property('kind', 'stuck');
    process.clock.setTimer(1, () => {
      throw new Error('uncaught');
    });
    expect(await world.scheduler.advance(10)).to.have.property('kind', 'fatal');
  });

  it('answers operations in flight in an order that the seed decides', async () => {
    expect(await orderOfAnswers(7)).to.equal(await orderOfAnswers(7));
    const seen = new Set(await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(orderOfAnswers)));
    expect(seen.size).to.be.greaterThan(3);
  });

  it('startWorker() runs a module over the same disk; messages are copies and keep their order', async () => {
    const { world, process } = start();
    const worker = process.startWorker(new URL('./echo-worker.js', import.meta.url), {
      path: PATH,
    });
    const answers: unknown[] = [];
    worker.onMessage((message) => answers.push(message));
    for (const message of [1, 2, 3, 'end']) worker.post(message);
    await done(world, worker.done);
    expect(answers).to.deep.equal([2, 4, 6]);
    expect(Buffer.from(world.disk.find(PATH)?.cached() ?? []).toString()).to.equal(
      'from the thread',
    );
  });
});
