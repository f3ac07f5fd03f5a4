// End to end: the compiled kv-backup and kv-restore as processes, on a store that is served, stopped or damaged.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { expect } from 'chai';

import type { Lock } from '../../../src/env/env.js';
import { nodeEnv } from '../../../src/env/node-env.js';
import { isKvError } from '../../../src/errors.js';
import type { DurableStore } from '../../../src/store/durable-store.js';
import { openStore } from '../../../src/store/open-store.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { put, turn } from '../../support/data-directory.js';
import { run } from '../../support/programs.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { seeded } from '../../support/seed.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const env = nodeEnv(new QuietLogger());
/** The store compacts only on request. */
const OPTIONS = { segmentBytesMax: 64 * 1024, snapshot: 'never', compactRatio: 0.99 } as const;
const KV_BACKUP = join(import.meta.dirname, '../../../tools/kv-backup.js');

interface Entry {
  readonly key: string;
  readonly value: string;
  readonly encoding: 'utf8' | 'base64';
}

describe('kv-backup and kv-restore', function () {
  this.timeout(120_000);
  let root = '';
  let dir = '';
  let to = '';
  let store: DurableStore;

  beforeEach(async () => {
    root = temporaryFolder();
    dir = join(root, 'data');
    to = join(root, 'backup');
    store = await openStore(env, dir, OPTIONS);
  });
  afterEach(async () => {
    await store.close();
    removeFolder(root);
  });

  function filesIn(ending: string): string[] {
    return readdirSync(to).filter((name) => name.endsWith(ending));
  }

  it('back up a store in use, then only what is new, and restore any state of it', async () => {
    await put(store, 'a', 'one');
    await put(store, 'big', Buffer.alloc(1024 * 1024 + 1, 'B'));
    await expectRun('kv-backup', [dir, '--to', to, '--verify'], 0);
    const seq = store.durability.lastSeq;
    await put(store, 'a', 'two');
    store.flush(0);
    expect(await expectRun('kv-backup', [join(dir, 'control.sock'), '--to', to], 0)).to.match(
      / B copied/,
    );
    const old = join(root, 'old');
    expect(await expectRun('kv-restore', [to, '--seq', `${seq}`, '--to', old], 0)).to.contain(
      `2 keys at seq ${seq}`,
    );
    expect(await valuesIn(old)).to.deep.equal({ a: 'one', big: 'B'.repeat(20) });
    const undone = join(root, 'undone');
    await expectRun('kv-restore', [to, '--before-flush', '--to', undone], 0);
    expect(await valuesIn(undone)).to.have.property('a', 'two');
    expect(await valuesIn(to)).to.deep.equal({});
    const restarted = await openStore(env, old, OPTIONS);
    await put(restarted, 'new', 'x');
    await restarted.close();
    expect(await valuesIn(old)).to.have.keys('a', 'big', 'new');
    await expectRun('kv-backup', [old, '--to', to], 64);
  });

  it('undo a flush without any backup', async () => {
    await put(store, 'a', 'one');
    store.flush(0);
    await store.close();
    const target = join(root, 'target');
    mkdirSync(target);
    await expectRun('kv-restore', [dir, '--before-flush', '--to', target], 0);
    expect(await valuesIn(target)).to.deep.equal({ a: 'one' });
    expect(readdirSync(target).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
  });

  it('link sealed segments, and --keep removes files that only older moments need @long', async () => {
    for (let segment = 1; segment <= 5; segment += 1) {
      for (let n = 0; n < 8; n += 1) await put(store, `k${n % 5}`, Buffer.alloc(9000, `${n} `));
      while (Number(store.stats().get('kv_segments_created')) < segment) await turn();
    }
    await expectRun('kv-backup', [dir, '--to', to], 0);
    const linked = filesIn('.seg').filter((name) => statSync(join(to, name)).nlink > 1);
    expect(linked).to.have.length.above(2);
    await store.compact({ everything: true });
    await expectRun('kv-backup', [dir, '--to', to], 0);
    expect(filesIn('.seg')).to.include.members(linked);
    for (let n = 0; n < 2; n += 1)
      await expectRun('kv-backup', [dir, '--to', to, '--keep', '0'], 0);
    expect(filesIn('.seg')).not.to.include.members(linked);
    expect(filesIn('.json')).to.have.length(2);
    await expectRun('kv-backup', ['--to', to, '--verify'], 0);
  });

  it('name a damaged file, in the backup and in the store @long', async () => {
    await put(store, 'a', Buffer.alloc(5000, 'x'));
    await expectRun('kv-backup', [dir, '--to', to], 0);
    const [name = ''] = filesIn('.seg');
    const path = join(to, name);
    flip(path, 3000);
    const target = join(root, 'target');
    expect(await expectRun('kv-backup', ['--to', to, '--verify'], 65)).to.contain(path);
    const refused = await expectRun('kv-restore', [to, '--to', target], 65);
    expect(refused).to.contain(path).and.to.contain(`kv-backup --to ${to} --verify`);
    expect(refused).not.to.contain('kv-check');
    expect(readdirSync(root)).not.to.include('target');
    const [manifest = ''] = filesIn('.json');
    flip(join(to, manifest), 30);
    expect(await expectRun('kv-restore', [to, '--to', target], 65)).to.contain(manifest);
    await store.close();
    const segment = readdirSync(dir).find((each) => each.endsWith('.seg'))!;
    flip(join(dir, segment), 3000);
    const other = join(root, 'other');
    expect(await expectRun('kv-backup', [dir, '--to', other], 65)).to.contain(segment);
  });

  it('write a tar archive that is a backup when it is unpacked @long', async () => {
    await put(store, 'a', 'one');
    await put(store, 'big', Buffer.alloc(2 * 1024 * 1024, 'B'));
    const { code, stdout, stderr } = await runTool('kv-backup', [dir, '--tar', '-']);
    expect(code, stderr).to.equal(0);
    const archive = join(root, 'a.tar');
    writeFileSync(archive, stdout);
    mkdirSync(to);
    expect((await run('tar', ['xf', archive, '-C', to])).code).to.equal(0);
    await expectRun('kv-backup', ['--to', to, '--verify'], 0);
    await expectRun('kv-restore', [to, '--to', join(root, 'r')], 0);
    expect(await valuesIn(join(root, 'r'))).to.deep.equal({ a: 'one', big: 'B'.repeat(20) });
  });

  it('refuse wrong targets and sources, each with its exit code @long', async () => {
    await put(store, 'a', 'one');
    const full = join(root, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine'), 'x');
    const link = join(root, 'link');
    symlinkSync(dir, link);
    await expectRun('kv-backup', [dir, '--to', to], 0);
    for (const [tool, args, code, text] of [
      ['kv-backup', [dir], 64, '--to'],
      ['kv-backup', ['--to', to], 64, 'Say what to back up'],
      ['kv-backup', [dir, '--to', full], 64, 'a file that is not part of a backup'],
      ['kv-backup', [dir, '--to', join(full, 'mine')], 64, 'no directory'],
      ['kv-backup', [dir, '--to', join(dir, 'b')], 64, 'not touched'],
      ['kv-backup', [dir, '--to', join(link, 'b')], 64, 'not touched'],
      ['kv-backup', [dir, '--to', to, '--every', '1ms'], 64, '--every'],
      ['kv-backup', [dir, '--to', to, '--tar', '-'], 64, 'cannot be used with'],
      ['kv-backup', [join(root, 'none'), '--to', to], 66, 'no such directory'],
      ['kv-backup', [full, '--to', to], 66, 'no store'],
      ['kv-backup', ['--to', full, '--verify'], 66, 'no backup'],
      ['kv-restore', [to], 64, '--to'],
      ['kv-restore', [to, '--to', full], 64, 'not empty'],
      ['kv-restore', [to, '--to', join(to, 'r')], 64, 'not touched'],
      ['kv-restore', [to, '--seq', '99', '--to', join(root, 'r')], 64, 'newest record has seq'],
      [
        'kv-restore',
        [to, '--at', '0s', '--to', join(root, 'r')],
        64,
        'newest backup there was made at',
      ],
      ['kv-restore', [to, '--before-flush', '--to', join(root, 'r')], 66, 'No flush_all'],
      ['kv-restore', [full, '--to', join(root, 'r')], 66, 'no store'],
    ] as const) {
      expect(await expectRun(tool, args, code), args.join(' ')).to.contain(text);
    }
    expect(readdirSync(root)).not.to.include('r');
  });

  it('--every goes on, reports a failed round, and ends at SIGTERM after the running round @long', async () => {
    await put(store, 'a', 'one');
    const child = spawn(process.execPath, [KV_BACKUP, dir, '--to', to, '--every', '1s']);
    const said = new Said(child.stderr);
    await said.times(/copied/g, 2);
    const lock = await lockedWhenFree(join(to, 'LOCK'));
    await said.times(/This round failed, the next one is tried: Another backup/g, 2);
    await lock.release();
    await put(store, 'b', 'two');
    await said.times(/seq 2 of/g, 1);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).to.equal(0);
    await expectRun('kv-backup', ['--to', to, '--verify'], 0);
    expect(await valuesIn(to)).to.deep.equal({ a: 'one', b: 'two' });
  });

  it('--every ends with the exit code when only a person can fix the failure @long', async () => {
    await put(store, 'a', 'one');
    await expectRun('kv-backup', [dir, '--to', to], 0);
    writeFileSync(join(to, 'mine'), 'x');
    const args = [dir, '--to', to, '--every', '1s'];
    expect(await expectRun('kv-backup', args, 64)).to.contain(
      'a file that is not part of a backup',
    );
  });

  it('contain what a server has just acknowledged, also after a kill -9 of that server @long', async () => {
    const served = join(root, 'served');
    for (let round = 0; round < 5; round += 1) {
      const server = await ServerProcess.start(cairnLaunch(served));
      await expectRun('kv-client', [server.address, 'set', `k${round}`, 'new'], 0);
      const [said] = await Promise.all([
        expectRun('kv-backup', [served, '--to', to], 0),
        round % 2 === 0
          ? expectRun('kv-client', [server.address, 'set', 'other', `${round}`], 0)
          : '',
      ]);
      expect(said).to.contain('copied');
      await server.kill();
      expect(await valuesIn(to)).to.include({ [`k${round}`]: 'new' });
      await expectRun('kv-backup', [served, '--to', to, '--verify'], 0);
    }
    await expectRun('kv-restore', [to, '--to', join(root, 'r')], 0);
    expect(await valuesIn(join(root, 'r'))).to.deep.equal(await valuesIn(served));
  });

  it('leave a good backup when kv-backup is killed at any instant @long', async () => {
    const { seed } = seeded('kills of kv-backup', 1);
    const random = new SeededRandom(seed);
    for (let n = 0; n < 40; n += 1) await put(store, `k${n}`, Buffer.alloc(20_000, `${n} `));
    await expectRun('kv-backup', [dir, '--to', to], 0);
    for (let kill = 0; kill < 25; kill += 1) {
      for (let n = 0; n < 40; n += 1) await put(store, `k${n}`, Buffer.alloc(20_000, `${kill} `));
      const child = spawn(process.execPath, [KV_BACKUP, dir, '--to', to]);
      // The backup may end before it is killed.
      const closed = once(child, 'close');
      await delay(100 + random.below(250));
      child.kill('SIGKILL');
      await closed;
      await expectRun('kv-backup', ['--to', to, '--verify'], 0);
    }
    await expectRun('kv-backup', [dir, '--to', to, '--verify'], 0);
    expect(filesIn('.tmp')).to.deep.equal([]);
    await expectRun('kv-restore', [to, '--to', join(root, 'r')], 0);
    expect(await valuesIn(join(root, 'r'))).to.deep.equal(await valuesIn(dir));
  });
});

/** Takes the lock as soon as it is free; a round may hold it now. */
async function lockedWhenFree(path: string): Promise<Lock> {
  for (;;) {
    try {
      return await env.fs.lock(path);
    } catch (error) {
      if (!isKvError(error, 'KV_LOCKED')) throw error;
      await turn();
    }
  }
}

/** The output of a child so far. */
class Said {
  #text = '';
  #look: () => void = () => undefined;

  constructor(output: Readable) {
    output.on('data', (text: Buffer) => {
      this.#text += text.toString();
      this.#look();
    });
  }

  /** Resolves when the pattern has come `count` times. */
  times(pattern: RegExp, count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if ((this.#text.match(pattern) ?? []).length >= count) resolve();
      };
      this.#look();
    });
  }
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = bytes[at]! ^ 0xff;
  writeFileSync(path, bytes);
}

async function expectRun(tool: string, args: readonly string[], code: number): Promise<string> {
  const ended = await runTool(tool, args);
  expect(ended.code, `${tool} ${args.join(' ')}: ${ended.stderr}`).to.equal(code);
  return ended.stderr;
}

/** Returns key → value of a directory that kv-dump can read. */
async function valuesIn(path: string): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await runTool('kv-dump', [path, '--format', 'ndjson']);
  expect(code, stderr).to.equal(0);
  const lines = stdout.toString().trimEnd().split('\n').slice(0, -1);
  const entries = lines.map((line) => JSON.parse(line) as Entry);
  return Object.fromEntries(
    entries.map(({ key, value, encoding }) => [
      key,
      Buffer.from(value, encoding).toString().slice(0, 20),
    ]),
  );
}
