// Every kind of file that a store has is left out, cut, or put back from another moment or another store. The start goes
// on with every acknowledged key, or is refused. The table in docs/recovery.md, "Incomplete copies", says which; this row tries
// that table.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';

import { isKvError, systemCode } from '../../../src/errors.js';
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../../../src/log/bytes/format.js';
import { checkStore } from '../../../src/offline/check.js';
import type { DurableStore } from '../../../src/store/durable-store.js';
import { openStore } from '../../../src/store/open-store.js';
import { DataDirectory, put, turn } from '../../support/data-directory.js';
import { copyOf, realEnv, segmentEnds } from '../../support/damaged-store.js';
import { temporaryFolder } from '../../support/servers.js';
import type { FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

export const incompleteCopy: FaultRow = {
  name: 'incomplete-copy',
  fault:
    'A file of any kind is missing, cut anywhere, of an older or newer moment, of another store, or a directory',
  required:
    'The start does as docs/recovery.md, "Incomplete copies", says: it is refused, or every key is there; kv-check says the same',
  injection: 'each kind of file of a stopped store, with and without its image',
  try: async ({ tier }) => {
    // The directory is in memory where that is possible: there are some hundred starts, each with a dozen syncs.
    const root = existsSync(MEMORY) ? mkdtempSync(join(MEMORY, 'cairn-test-')) : temporaryFolder();
    try {
      return await sweep(root, tier === 'long' ? 64 : 1);
    } finally {
      removeFolder(root);
    }
  },
};

/**
 * - `whole`: the store starts, and every key has its value or that of the newer moment.
 * - `answered`: the store starts; a key is there, or its value is answered as damaged.
 */
type Expected = 'refused' | 'whole' | 'answered';

interface Spoiling {
  readonly what: string;
  readonly expected: Expected;
  readonly spoil: (data: DataDirectory) => void;
  /** True: it is tried without an image too. */
  readonly matters?: boolean;
}

type Values = ReadonlyMap<string, string>;

/** The same store at three orderly stops, and another store. */
interface Moments {
  readonly older: DataDirectory;
  readonly now: DataDirectory;
  readonly newer: DataDirectory;
  readonly other: DataDirectory;
  readonly values: Values;
  readonly newerValues: Values;
}

const MEMORY = '/dev/shm';
const SEGMENT_BYTES = 64 * 1024;
const LARGE_BYTES = 1_200_000;
const OPTIONS = { segmentBytesMax: SEGMENT_BYTES, snapshot: 'never' } as const;

async function record(root: string): Promise<Moments> {
  const live = join(root, 'live');
  const values = new Map<string, string>();
  const older = await life(live, join(root, 'older'), values, 1);
  const now = await life(live, join(root, 'now'), values, 2);
  const valuesNow = new Map(values);
  const newer = await life(live, join(root, 'newer'), values, 3);
  const other = await life(join(root, 'stranger'), join(root, 'other'), new Map(), 4);
  return { older, now, newer, other, values: valuesNow, newerValues: values };
}

/** Fills a segment and some of the next, takes a snapshot, stops in order; returns a copy. */
async function life(
  dir: string,
  copy: string,
  values: Map<string, string>,
  number: number,
): Promise<DataDirectory> {
  const store = await openStore(realEnv, dir, OPTIONS);
  const data = new DataDirectory(dir);
  const set = async (key: string, value: string): Promise<void> => {
    await put(store, key, value);
    values.set(key, value);
  };
  if (!values.has('large')) await set('large', `${number}`.repeat(LARGE_BYTES));
  for (let at = 0; at < 8; at += 1) await set(`${number}-${at}`, `${at}`.repeat(9000));
  // The rest is in a segment that all the lives have.
  await store.snapshot();
  for (const name of ['a', 'b']) await set(name, `life ${number}`);
  await store.snapshot();
  const sealed = data.manifest().segments.filter(({ bytes }) => bytes !== null).length;
  while (data.names('.hint').length < sealed) await turn();
  await store.close();
  return copyOf(dir, copy);
}

function spoilings(moments: Moments, cuts: number): Spoiling[] {
  const { now } = moments;
  const all: Spoiling[] = [];
  const [active = ''] = now.names('.seg').slice(-1);
  for (const name of now.names()) {
    if (name === 'LOCK') continue;
    const kind = name === active ? 'active' : (name.split('.').at(-1) ?? '');
    // Without an image other files have to prove what is missing, and the start reads hints.
    const matters = ['active', 'hint', 'json'].includes(kind);
    const told = [...cutsOf(now, name, kind, cuts), ...exchangesOf(moments, name, kind)];
    all.push(...told.map((each) => ({ ...each, matters })));
    const harmless = ['hint', 'IMAGE', 'json'].includes(kind);
    const expected = harmless ? 'whole' : 'refused';
    all.push({ what: `${name} missing`, expected, spoil: (at) => rmSync(at.pathOf(name)) });
    all.push({
      what: `${name} a directory`,
      expected,
      spoil: (at) => {
        rmSync(at.pathOf(name));
        mkdirSync(at.pathOf(name));
      },
    });
  }
  all.push({ what: 'LOCK missing', expected: 'whole', spoil: (at) => rmSync(at.pathOf('LOCK')) });
  for (const name of ['IMAGE', 'snapshot.json']) {
    all.push({
      what: `nothing but ${name}`,
      expected: 'refused',
      spoil: (at) => {
        for (const each of at.names()) if (each !== name) rmSync(at.pathOf(each));
      },
    });
  }
  return all;
}

function cutsOf(now: DataDirectory, name: string, kind: string, cuts: number): Spoiling[] {
  const bytes = now.read(name);
  const { bytes: end = 0 } = segmentEnds(now).find((each) => each.name === name) ?? {};
  const lengths = new Map<string, number>([
    ['empty', 0],
    ['in the header', Math.min(20, bytes.length - 1)],
    ['by a byte', bytes.length - 1],
  ]);
  for (let at = 1; at <= cuts; at += 1)
    lengths.set(`at ${at}/${cuts + 1}`, Math.floor(((end || bytes.length) * at) / (cuts + 1)));
  if (end > 0) {
    const batches = now.batchesOf(name);
    lengths.set('behind the header', SEGMENT_HEADER_BYTES);
    const records = batches.findLast((at) => bytes.readUInt32LE(at + 12) > 0) ?? 0;
    lengths.set('at a batch', records);
    lengths.set('in a batch', records + BATCH_HEADER_BYTES + 3);
    lengths.set('at the seal', records + bytes.readUInt32LE(records + 8));
    lengths.set('in the last batch', (batches.at(-1) ?? 0) + 5);
    lengths.set('in the zeros', Math.min(bytes.length, end + 40));
  }
  return [...lengths].map(([what, length]) => ({
    what: `${name} cut ${what} (${length})`,
    expected: expectedOfCut(now, name, kind, length, end),
    spoil: (at) => at.write(name, bytes.subarray(0, length)),
  }));
}

function expectedOfCut(
  now: DataDirectory,
  name: string,
  kind: string,
  length: number,
  end: number,
): Expected {
  if (kind === 'hint' || kind === 'IMAGE' || kind === 'json') return 'whole';
  // The last byte of the manifest is a line end.
  if (kind === 'MANIFEST') return length < now.read(name).length - 1 ? 'refused' : 'whole';
  if (kind === 'val') return 'refused';
  // Without the clean seal nothing says that the active segment had ended there.
  return length < end ? 'refused' : 'whole';
}

function exchangesOf(moments: Moments, name: string, kind: string): Spoiling[] {
  const all: Spoiling[] = [];
  for (const from of ['older', 'newer', 'other'] as const) {
    const source = moments[from];
    if (!source.names().includes(name)) continue;
    const bytes = source.read(name);
    if (bytes.equals(moments.now.read(name))) continue;
    all.push({
      what: `${name} of ${from}`,
      expected: expectedOfExchange(kind, from),
      spoil: (at) => at.write(name, bytes),
    });
  }
  return all;
}

function expectedOfExchange(kind: string, from: 'older' | 'newer' | 'other'): Expected {
  if (kind === 'hint') return 'whole';
  if (kind === 'IMAGE' || kind === 'json') return from === 'newer' ? 'refused' : 'whole';
  if (kind === 'val') return 'answered';
  // A newer state of the active segment begins with everything that is expected.
  if (kind === 'active' && from === 'newer') return 'whole';
  return 'refused';
}

async function sweep(root: string, cuts: number): Promise<Tried> {
  const moments = await record(root);
  const failures: string[] = [];
  const counts = new Map<Expected, number>();
  const all = spoilings(moments, cuts);
  for (const hasImage of [true, false]) {
    for (const spoiling of all) {
      if (!hasImage && !spoiling.matters) continue;
      const data = copyOf(moments.now.path, join(root, 'spoilt'));
      if (!hasImage) rmSync(data.pathOf('IMAGE'));
      spoiling.spoil(data);
      const what = hasImage ? spoiling.what : `${spoiling.what}, without IMAGE`;
      const problem = await outcomeOf(data.path, root, spoiling.expected, moments);
      if (problem !== undefined) failures.push(`${what}: ${problem}`);
      counts.set(spoiling.expected, (counts.get(spoiling.expected) ?? 0) + 1);
    }
  }
  const tried = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const shown = [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  return { tried, failures, figure: `${shown}; keys lost in silence: 0` };
}

/** Returns what is wrong with the outcome; undefined when it is as expected. */
async function outcomeOf(
  dir: string,
  root: string,
  expected: Expected,
  moments: Moments,
): Promise<string | undefined> {
  const said = await checked(dir);
  const before = join(root, 'before');
  removeFolder(before);
  cpSync(dir, before, { recursive: true });
  let store: DurableStore;
  try {
    store = await openStore(realEnv, dir, OPTIONS);
  } catch (error) {
    if (expected !== 'refused') return `refused: ${String(error)}`;
    const isTold = isKvError(error) ? error.path !== undefined : systemCode(error) === 'EISDIR';
    if (!isTold) return `refused without a path: ${String(error)}`;
    if (said === 'whole') return `kv-check finds no damage, and the start said ${String(error)}`;
    return changesSince(before, dir);
  }
  try {
    if (expected === 'refused') return 'it started';
    if (said === 'damaged' && expected === 'whole') return 'kv-check tells of damage';
    return await missingIn(store, expected, moments);
  } finally {
    await store.close();
  }
}

async function checked(dir: string): Promise<'whole' | 'damaged'> {
  try {
    const quiet = { isServed: false, onProgress: () => undefined };
    const { findings } = await checkStore(realEnv, dir, quiet);
    return findings.some(({ isDamage }) => isDamage) ? 'damaged' : 'whole';
  } catch (error) {
    if (!isKvError(error) && systemCode(error) === undefined) throw error;
    return 'damaged';
  }
}

/** Returns a failure when a refused start made, removed or changed files other than the lock file. */
function changesSince(before: string, dir: string): string | undefined {
  const [old, now] = [new DataDirectory(before), new DataDirectory(dir)];
  const names = new Set([...old.names(), ...now.names()]);
  names.delete('LOCK');
  const changed = [...names].filter((name) => !isSameFile(old.pathOf(name), now.pathOf(name)));
  return changed.length === 0 ? undefined : `the refused start changed ${changed.join(', ')}`;
}

function isSameFile(one: string, another: string): boolean {
  if (!existsSync(one) || !existsSync(another)) return false;
  const isFolder = statSync(one).isDirectory();
  if (isFolder !== statSync(another).isDirectory()) return false;
  // A directory in the place of a file is empty.
  return isFolder
    ? readdirSync(another).length === 0
    : readFileSync(one).equals(readFileSync(another));
}

async function missingIn(
  store: DurableStore,
  expected: Expected,
  { values, newerValues }: Moments,
): Promise<string | undefined> {
  for (const [key, value] of values) {
    const found = await seen(store, key);
    if (found === value || found === newerValues.get(key)) continue;
    if (found === 'damaged' && expected === 'answered') continue;
    return `${key} is ${found?.slice(0, 20) ?? 'gone'}`;
  }
  return undefined;
}

/** Returns the value, `damaged` when it cannot be read, undefined for a miss. */
async function seen(store: DurableStore, key: string): Promise<string | undefined> {
  try {
    const found = await store.get(Buffer.from(key));
    if (found.kind !== 'hit') return found.kind === 'miss' ? undefined : 'damaged';
    const { value } = found.item;
    if (Buffer.isBuffer(value)) return value.toString();
    const bytes = Buffer.alloc(value.bytes);
    try {
      await value.read(bytes, 0);
    } finally {
      value.release();
    }
    return bytes.toString();
  } catch (error) {
    if (!isKvError(error)) throw error;
    return 'damaged';
  }
}
