// The arguments of every method of the library, with the mistakes that programs make.

import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

import { expect } from 'chai';

import { Cairn, isKvError, open } from '../../src/index.js';
import type { CairnOptions } from '../../src/index.js';
import { removeFolder } from '../support/remove-folder.js';

/** The library as JavaScript programs see it. */
type Loose = Record<string, (...args: unknown[]) => Promise<unknown>>;

const KEYS: readonly unknown[] = [
  undefined,
  null,
  7,
  7n,
  true,
  {},
  ['k'],
  Symbol('k'),
  new ArrayBuffer(4),
  new Uint16Array(4),
  new DataView(new ArrayBuffer(4)),
  '',
  Buffer.alloc(0),
  'k'.repeat(65_536),
  'lone \ud800 surrogate',
];
const VALUES = KEYS.filter((value) => typeof value !== 'string' && !Buffer.isBuffer(value)).concat(
  'lone \udfff surrogate',
);
const LIFETIMES: readonly unknown[] = [
  '60',
  -1,
  NaN,
  Infinity,
  -Infinity,
  2 ** 48,
  60n,
  {},
  true,
  new Date(),
];
const TOKENS: readonly unknown[] = [undefined, null, 1, '1', -1n, 2n ** 64n, {}];
const DELTAS: readonly unknown[] = [-1, -1n, 1.5, NaN, Infinity, 2 ** 53, 2n ** 64n, '1', {}, true];
const PUT_OPTIONS: readonly unknown[] = [
  60,
  'ttl',
  { ttl: 60 },
  { ttlms: 60 },
  { flags: -1 },
  { flags: 2 ** 32 },
  { flags: 1.5 },
  { flags: '1' },
  { ttlMs: 1, expiresAt: 1 },
  [],
  [{ ttlMs: 1 }],
  new Map([['ttlMs', 1]]),
  new Set(['ttlMs']),
  Promise.resolve({ ttlMs: 1 }),
  Object.create({ ttlMs: 1 }),
  // Seconds where ms are meant: the entry would expire at once.
  { expiresAt: 1_795_000_000 },
  ...LIFETIMES.map((ttlMs) => ({ ttlMs })),
  ...LIFETIMES.map((expiresAt) => ({ expiresAt })),
];
const PATHS: readonly unknown[] = [
  '',
  7,
  {},
  'a\0b',
  Buffer.from('x'),
  new URL('file:///tmp'),
  'file:///tmp/x',
];

/** Method → calls with one wrong argument each, beside right ones. */
const WRONG: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  get: KEYS.map((key) => [key]),
  getAndTouch: [
    ...KEYS.map((key) => [key, 1]),
    ...[undefined, null, ...LIFETIMES].map((ttl) => ['k', ttl]),
  ],
  touch: [
    ...KEYS.map((key) => [key, 1]),
    ...[undefined, null, ...LIFETIMES].map((ttl) => ['k', ttl]),
  ],
  ...Object.fromEntries(
    ['set', 'add', 'replace'].map((name) => [
      name,
      [
        ...KEYS.map((key) => [key, 'v']),
        ...VALUES.map((value) => ['k', value]),
        ...PUT_OPTIONS.map((options) => ['k', 'v', options]),
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['append', 'prepend'].map((name) => [
      name,
      [...KEYS.map((key) => [key, 'v']), ...VALUES.map((value) => ['k', value])],
    ]),
  ),
  cas: [
    ...KEYS.map((key) => [key, 'v', 1n]),
    ...VALUES.map((value) => ['k', value, 1n]),
    ...TOKENS.map((token) => ['k', 'v', token]),
    ...PUT_OPTIONS.map((options) => ['k', 'v', 1n, options]),
  ],
  incr: [...KEYS.map((key) => [key]), ...DELTAS.map((delta) => ['k', delta])],
  decr: [...KEYS.map((key) => [key]), ...DELTAS.map((delta) => ['k', delta])],
  delete: KEYS.map((key) => [key]),
  scan: VALUES.filter((prefix) => prefix !== undefined && prefix !== null).map((prefix) => [
    prefix,
  ]),
  changes: [
    ...[7, 'after', true].map((options) => [options]),
    ...[-1, 1.5, NaN, '1', 1n, 'newest', {}].map((after) => [{ after }]),
    ...KEYS.filter((key) => key !== undefined && key !== null).map((key) => [{ key }]),
    ...VALUES.filter((each) => each !== undefined && each !== null).map((prefix) => [{ prefix }]),
    ...[0, 1, 'yes'].map((values) => [{ values }]),
    ...[{}, true, new AbortController()].map((signal) => [{ signal }]),
    [{ aftr: 1 }],
  ],
  snapshot: PATHS.map((path) => [path]),
};
/** The methods that take no argument. */
const WITHOUT_ARGUMENTS = ['clear', 'compact', 'stats', 'close'];
/** Each method with every argument that it has. */
const FULL: Readonly<Record<string, readonly unknown[]>> = {
  get: ['k'],
  getAndTouch: ['k', 1],
  set: ['k', 'v', {}],
  add: ['k', 'v', {}],
  replace: ['k', 'v', {}],
  append: ['k', 'v'],
  prepend: ['k', 'v'],
  cas: ['k', 'v', 1n, {}],
  incr: ['k', 1],
  decr: ['k', 1],
  touch: ['k', 1],
  delete: ['k'],
  clear: [],
  scan: ['k'],
  changes: [{ after: 0 }],
  compact: [],
  snapshot: [undefined],
  stats: [],
  close: [],
};
const SURPLUS: readonly unknown[] = [{ ttlMs: 5 }, {}, 0, 1, '', false, () => {}];
const CHANGING = [
  ['set', 'k', 'v'],
  ['add', 'k', 'v'],
  ['replace', 'k', 'v'],
  ['append', 'k', 'v'],
  ['prepend', 'k', 'v'],
  ['cas', 'k', 'v', 1n],
  ['incr', 'k'],
  ['decr', 'k'],
  ['touch', 'k', 1],
  ['getAndTouch', 'k', 1],
  ['delete', 'k'],
  ['clear'],
  ['compact'],
  ['snapshot'],
] as const;
const READING = [['get', 'k'], ['scan'], ['changes', { after: 0 }], ['stats']] as const;
/** The methods that return an iterator; the test asks it for a first element. */
const ITERATED: readonly string[] = ['scan', 'changes'];

function methods(): string[] {
  return Object.getOwnPropertyNames(Cairn.prototype).filter((name) => name !== 'constructor');
}

/** Returns the result or the error of a call; of an iterator it returns the first step. */
async function outcomeOf(store: Cairn, name: string, args: readonly unknown[]): Promise<unknown> {
  try {
    const called = (store as unknown as Loose)[name]!(...args);
    if (!ITERATED.includes(name)) return await called;
    return await (called as unknown as AsyncGenerator).next();
  } catch (error) {
    return error;
  }
}

describe('The arguments of the library', () => {
  let dir = '';
  let store: Cairn;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-arguments-'));
    store = await open(dir);
  });
  afterEach(async () => {
    await store.close();
    removeFolder(dir);
  });

  it('are tried for every method', () => {
    expect([...Object.keys(WRONG), ...WITHOUT_ARGUMENTS].toSorted()).to.deep.equal(
      methods().toSorted(),
    );
    const called = [...CHANGING, ...READING].map(([name]) => name as string);
    expect([...called, 'close'].toSorted()).to.deep.equal(methods().toSorted());
    expect(Object.keys(FULL).toSorted()).to.deep.equal(methods().toSorted());
  });

  for (const [name, calls] of Object.entries(WRONG)) {
    it(`${name}() refuses ${calls.length} wrong calls with a TypeError, and does nothing`, async () => {
      await store.set('k', '5', { flags: 3 });
      const before = await store.get('k');
      for (const [at, args] of calls.entries()) {
        const outcome = await outcomeOf(store, name, args);
        expect(outcome, `call ${at} of ${name}`).to.be.instanceOf(TypeError);
        expect((outcome as Error).message).to.match(
          /^(key|value|prefix|options|flags|ttlMs|expiresAt|cas|delta|path|after|values|signal) must |^There is no option |^Give ttlMs or /,
        );
      }
      expect(await store.get('k')).to.deep.equal(before);
    });
  }

  it('that a method does not have are refused by their place, and the call does nothing', async () => {
    await store.set('k', '5', { flags: 3 });
    const [before, entries] = [await store.get('k'), readdirSync(dir)];
    for (const [name, args] of Object.entries(FULL)) {
      for (const surplus of SURPLUS) {
        for (const gap of [[], [undefined], [null, undefined]]) {
          const outcome = await outcomeOf(store, name, [...args, ...gap, surplus]);
          expect(outcome, name).to.be.instanceOf(TypeError);
          const place = args.length + gap.length + 1;
          expect((outcome as Error).message).to.match(
            new RegExp(`^There is no argument ${place} of ${name}\\(\\), but .+ was given$`),
          );
        }
      }
    }
    expect(await store.get('k')).to.deep.equal(before);
    expect(readdirSync(dir)).to.deep.equal(entries);
    for (const [name, args] of Object.entries(FULL)) {
      const outcome = await outcomeOf(store, name, [...args, undefined, null]);
      expect(outcome, `${name}: left out`).to.not.be.instanceOf(Error);
    }
  });

  it('take undefined and null as not given, and 0 as for ever, wherever these are allowed', async () => {
    const loose = store as unknown as Loose;
    const later = Date.now() + 600_000;
    for (const name of ['set', 'add', 'replace', 'cas']) {
      for (const options of [
        undefined,
        null,
        {},
        { ttlMs: 0 },
        { ttlMs: null },
        { ttlMs: undefined, expiresAt: null, flags: null },
        { expiresAt: 0 },
      ]) {
        await store.delete('k');
        if (name !== 'add') await store.set('k', 'v', { ttlMs: 60_000 });
        const token = (await store.get('k'))?.cas;
        const args = name === 'cas' ? [token, options] : [options];
        expect(await loose[name]!('k', 'v', ...args), name).to.equal('stored');
        expect(await store.get('k')).to.include({ expiresAt: 0, flags: 0 });
      }
    }
    await store.set('k', 'v', { expiresAt: later });
    expect((await store.get('k'))?.expiresAt).to.equal(later);
    expect(await store.touch('k', 0)).to.equal(true);
    expect((await store.get('k'))?.expiresAt).to.equal(0);
    await store.touch('k', 60_000);
    await store.getAndTouch('k', 0);
    expect((await store.get('k'))?.expiresAt).to.equal(0);
    await store.set('k', 'v', { expiresAt: 1 });
    expect(await store.get('k'), 'a time in the past').to.equal(undefined);
    await store.set('n', '1');
    expect(await loose['incr']!('n', null)).to.equal(2n);
    expect(await loose['decr']!('n', undefined)).to.equal(1n);
    expect(await store.incr('n', 2n ** 64n - 1n)).to.equal(0n);
    expect(await loose['snapshot']!(null)).to.have.property('count', 1);
    await (await open(join(dir, 'other'), null as unknown as CairnOptions)).close();
  });

  it('keep at least the whole ms of a ttlMs with a fraction', async () => {
    const before = Date.now();
    await store.set('k', 'v', { ttlMs: 59_999.5 });
    expect((await store.get('k'))!.expiresAt).to.be.at.least(before + 59_999);
  });

  it('may be bytes of another realm, and tokens that get() gave', async () => {
    const foreign = runInNewContext('new Uint8Array([107])') as Uint8Array;
    expect(await store.set(foreign, foreign)).to.equal('stored');
    const found = await store.get('k');
    expect(found?.value.toString()).to.equal('k');
    expect(await store.cas('k', 'w', found!.cas)).to.equal('stored');
  });

  it('a closed store refuses every call with KV_CLOSED, and close() may be called again', async () => {
    await store.set('k', 'v');
    const scan = store.scan();
    expect((await scan.next()).done).to.equal(false);
    await Promise.all([store.close(), store.close()]);
    for (const [name, ...args] of [...CHANGING, ...READING]) {
      const outcome = await outcomeOf(store, name, args);
      expect(isKvError(outcome, 'KV_CLOSED'), `${name}: ${String(outcome)}`).to.equal(true);
      expect((outcome as Error).message).to.equal('The store is closed');
    }
    const late = await scan.next().catch((error: unknown) => error);
    expect((late as IteratorResult<unknown>).done ?? isKvError(late, 'KV_CLOSED')).to.equal(true);
    await store.close();
  });

  it('a call that began before close() ends as without it, or with KV_CLOSED', async () => {
    await store.set('large', Buffer.alloc(3 * 1024 * 1024, 'v'));
    const begun = [...CHANGING, ...READING].map(([name, ...args]) => outcomeOf(store, name, args));
    await store.close();
    for (const outcome of await Promise.all(begun))
      if (outcome instanceof Error) expect(isKvError(outcome, 'KV_CLOSED')).to.equal(true);
  });

  it('a store whose log was removed refuses every change and copy with KV_POISONED', async () => {
    await store.set('k', 'v');
    removeFolder(dir);
    // The store notices the removal within a second.
    let refused: unknown;
    while (!(refused instanceof Error)) refused = await outcomeOf(store, 'set', ['k', 'w']);
    expect(isKvError(refused, 'KV_POISONED'), refused.message).to.equal(true);
    for (const [name, ...args] of CHANGING) {
      const outcome = await outcomeOf(store, name, args);
      expect(isKvError(outcome, 'KV_POISONED'), `${name}: ${String(outcome)}`).to.equal(true);
      expect((outcome as Error).cause, name).to.be.instanceOf(Error);
    }
    for (const [name, ...args] of READING) {
      const outcome = await outcomeOf(store, name, args);
      // changes() opens the files of the log, which are gone.
      if (name === 'changes') expect(isKvError(outcome, 'KV_IO')).to.equal(true);
      else expect(outcome, name).to.not.be.instanceOf(Error);
    }
  }).timeout(20_000);
});
