// The options of open(), with the mistakes that programs make, and the meaning of a relative directory.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { isKvError, open } from '../../src/index.js';
import type { CairnOptions } from '../../src/index.js';
import { removeFolder } from '../support/remove-folder.js';

const PATHS = [
  '',
  7,
  {},
  'a\0b',
  Buffer.from('x'),
  new URL('file:///tmp'),
  undefined,
  null,
] as const;

async function refusal(path: unknown, options: unknown): Promise<unknown> {
  return open(path as string, options as CairnOptions).catch((error: unknown) => error);
}

describe('The options of open() @long', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-options-'));
  });
  afterEach(() => removeFolder(dir));

  const refusedBy = (options: unknown): Promise<unknown> => refusal(dir, options);

  const NUMBERS = [
    'segmentBytesMax',
    'appendBytesMin',
    'cacheBytesMax',
    'valueBytesMax',
    'keysMax',
    'bytesMax',
    'idleMsMax',
    'compactMinBytes',
    'snapshotPauseMs',
    'keepHistoryMs',
    'historyBytesMax',
    'scrubBytesPerSecond',
  ];
  const BAD: readonly (readonly [string, readonly unknown[]])[] = [
    ...NUMBERS.map((name) => [name, [-1, '1g', 1.5, NaN, Infinity, 1n, {}, true]] as const),
    ['segmentBytesMax', [4095, 2 ** 32 + 1]],
    ['valueBytesMax', [0, 2 ** 30 + 1]],
    ['compactRatio', [0, 1, '0.4', NaN, -1]],
    ['snapshot', ['always', 0, -1, true]],
    ['evicts', ['false', 0, 1]],
    ['acceptClock', ['no', 1]],
    ['logExpiries', ['no', 1]],
    ['onProgress', [true, {}]],
    ['logger', [true, {}, { warn() {} }]],
    ['useHints', [true]],
    ['ownsThread', [true]],
    ['maxKeys', [1]],
    ['KeysMax', [1]],
    ['__proto__x', [1]],
  ];
  for (const [name, values] of BAD) {
    it(`${name}: ${values.length} wrong values are refused with a KV_BAD_OPTION that names it`, async () => {
      for (const value of values) {
        const error = await refusedBy({ [name]: value });
        expect(isKvError(error, 'KV_BAD_OPTION'), `${name}: ${String(error)}`).to.equal(true);
        expect((error as Error).message).to.contain(name);
      }
    });
  }

  it('a refusal names the option that is meant, and the value', async () => {
    expect(((await refusedBy({ keyMax: 1 })) as Error).message).to.contain('mean keysMax?');
    expect(((await refusedBy({ bytesMax: '1g' })) as Error).message).to.contain("not '1g'");
  });

  it('open() throws a TypeError for options that are no object and directories that are no path', async () => {
    class Getters {
      get keysMax(): number {
        return 1;
      }
    }
    const ignored = [new Set(), Promise.resolve({}), Object.create({ keysMax: 1 }), new Getters()];
    for (const options of [7, 'x', true, [], [{}], new Map([['keysMax', 1]]), ...ignored])
      expect(await refusedBy(options)).to.be.instanceOf(TypeError);
    for (const path of PATHS) expect(await refusal(path, {})).to.be.instanceOf(TypeError);
    const loose = open as (...args: unknown[]) => Promise<unknown>;
    const surplus = await loose(dir, {}, { keysMax: 1 }).catch((error: unknown) => error);
    expect(String(surplus)).to.match(/^TypeError: There is no argument 3 of open\(\)/);
  });

  it('undefined and null leave each option at its default', async () => {
    const names = [...NUMBERS, 'compactRatio', 'snapshot', 'evicts', 'acceptClock', 'onProgress'];
    for (const value of [undefined, null]) {
      const options = Object.fromEntries([...names, 'logger'].map((name) => [name, value]));
      const store = await open(dir, options);
      expect(await store.set('k', 'v')).to.equal('stored');
      await store.close();
    }
  });

  it('a logger that throws does not disturb the store, and its program gets the exception', async () => {
    const thrown = new Error('of the logger');
    const fail = (): never => {
      throw thrown;
    };
    const caught: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => caught.push(error));
    try {
      const logger = { debug: fail, info: fail, warn: fail, error: fail };
      const bounded = await open(dir, { logger });
      for (let at = 0; at < 20; at++) await bounded.set(`k${at}`, 'v');
      await bounded.close();
      // This store logs that it is above its bounds.
      const store = await open(dir, { logger, keysMax: 2 });
      expect(await store.set('k', 'v')).to.equal('stored');
      await store.close();
      await new Promise((resolve) => setImmediate(resolve));
      expect(caught).to.include(thrown);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});

describe('A relative directory', () => {
  it('lies in the working directory at the time of open(), whatever that is later', async () => {
    const root = mkdtempSync(join(tmpdir(), 'cairn-relative-'));
    const before = process.cwd();
    try {
      process.chdir(root);
      const store = await open('data', { segmentBytesMax: 1024 * 1024, cacheBytesMax: 0 });
      const value = Buffer.alloc(2 * 1024 * 1024, 'large ');
      for (const cwd of ['/', tmpdir()]) {
        process.chdir(cwd);
        expect(await store.set('large', value)).to.equal('stored');
        expect((await store.get('large'))?.value.equals(value)).to.equal(true);
        for (let at = 0; at < 12; at++) await store.set(`k${at}`, Buffer.alloc(200_000, 'v'));
        expect((await store.get('k1'))?.value.length).to.equal(200_000);
        expect((await store.snapshot()).count).to.equal(13);
        await store.compact();
        await store.delete('large');
      }
      process.chdir(root);
      expect((await store.snapshot('own.json')).path).to.equal(join(root, 'own.json'));
      process.chdir('/');
      await store.close();
      const again = await open(join(root, 'data'));
      expect((await again.get('k11'))?.value.length).to.equal(200_000);
      await again.close();
    } finally {
      process.chdir(before);
      removeFolder(root);
    }
  }).timeout(30_000);

  it('is refused with KV_BAD_OPTION when the working directory was removed', async () => {
    const before = process.cwd();
    const gone = mkdtempSync(join(tmpdir(), 'cairn-gone-'));
    try {
      process.chdir(gone);
      removeFolder(gone);
      const error = await open('data').catch((refused: unknown) => refused);
      expect(isKvError(error, 'KV_BAD_OPTION'), String(error)).to.equal(true);
      expect((error as Error).message).to.contain('working directory was removed');
    } finally {
      process.chdir(before);
    }
  });
});
