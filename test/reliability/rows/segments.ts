// Segments that are missing, copied, foreign, swapped, cut or of a newer format. Each start is refused by the file's
// name, and nothing in the directory changes.

import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';

import { isKvError, type KvErrorCode } from '../../../src/errors.js';
import { IMAGE_NAME, segmentName } from '../../../src/log/bytes/file-names.js';
import { HINT_VERSION } from '../../../src/log/bytes/hint.js';
import { composeManifest } from '../../../src/log/bytes/manifest.js';
import { openStore } from '../../../src/store/open-store.js';
import { countOf } from '../../../tools/terminal/quantity.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { DataDirectory, put } from '../../support/data-directory.js';
import { contentsOf, copyOf, realEnv, recordStore } from '../../support/damaged-store.js';
import { temporaryFolder } from '../../support/servers.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

export const wrongSegments: FaultRow = {
  name: 'wrong-segments',
  fault:
    'A segment is missing, cut, copied, of another store, of another number, or two are swapped',
  required: 'The start is refused by the name of the file, and nothing in the directory changes',
  injection: 'rm, cp, mv and truncate on a stopped directory, every segment and pair of them',
  try: (budget) => inFolder(budget, tryWrongSegments),
};

export const newerFormat: FaultRow = {
  name: 'newer-format',
  fault: 'A file has a format version of the future: MANIFEST, a segment, a large value, a hint',
  required:
    'The file is refused by name, and nothing changes; a hint, which is a cache, is written again',
  injection: 'the version in each file of a stopped directory',
  try: (budget) => inFolder(budget, tryNewerFormat),
};

interface Trial {
  readonly what: string;
  /** Files that the refusal may name. */
  readonly names: readonly string[];
  readonly spoil: (data: DataDirectory) => void;
}

interface Refusals {
  readonly tried: number;
  readonly failures: string[];
}

async function inFolder(
  budget: Budget,
  run: (root: string, budget: Budget) => Promise<Tried>,
): Promise<Tried> {
  const root = temporaryFolder();
  try {
    return await run(root, budget);
  } finally {
    removeFolder(root);
  }
}

async function tryWrongSegments(root: string, { tier, seed }: Budget): Promise<Tried> {
  const dir = join(root, 'data');
  const other = join(root, 'other');
  await recordStore(dir, new SeededRandom(seed), tier === 'fast' ? 150 : 600);
  await recordStore(other, new SeededRandom(seed + 1), 150);
  const trials = trialsOf(new DataDirectory(dir), new DataDirectory(other));
  const { tried, failures } = await refusals(root, dir, trials, 'KV_CORRUPTION');
  return { tried, failures, figure: `${tried} combinations, silent starts: 0` };
}

function trialsOf(data: DataDirectory, other: DataDirectory): Trial[] {
  const names = data.names('.seg');
  const sealedBytes = new Map(
    data
      .manifest()
      .segments.map(({ last, generation, bytes }) => [segmentName(last, generation), bytes]),
  );
  const foreign = other.read(other.names('.seg')[0]!);
  const trials: Trial[] = [];
  const add = (what: string, named: readonly string[], spoil: Trial['spoil']): void => {
    trials.push({ what, names: named, spoil });
  };
  for (const name of names) {
    const bytes = data.read(name);
    const number = Number(name.slice(0, 10));
    add(`${name} missing`, [name], (at) => rmSync(at.pathOf(name)));
    add(`${name} empty`, [name], (at) => at.write(name, ''));
    add(`${name} foreign`, [name], (at) => at.write(name, foreign));
    // After its records a sealed segment may have zeros, whose loss does no harm.
    const end = sealedBytes.get(name) ?? 0;
    if (end > 0) add(`${name} cut`, [name], (at) => at.write(name, bytes.subarray(0, end - 1)));
    for (const copy of [segmentName(number, 77), segmentName(names.length + 40, 0)]) {
      add(`${name} copied to ${copy}`, [copy], (at) => at.write(copy, bytes));
    }
    for (const twin of names) {
      if (twin === name) continue;
      add(`${name} copied over ${twin}`, [twin], (at) => at.write(twin, bytes));
      if (twin < name) continue;
      add(`${name} and ${twin} swapped`, [name, twin], (at) => {
        at.write(name, data.read(twin));
        at.write(twin, bytes);
      });
    }
  }
  add('foreign lying beside', [segmentName(1, 88)], (at) => at.write(segmentName(1, 88), foreign));
  add('foreign manifest', names, (at) => at.write('MANIFEST', other.read('MANIFEST')));
  add('no manifest', names, (at) => rmSync(at.pathOf('MANIFEST')));
  return trials;
}

async function refusals(
  root: string,
  dir: string,
  trials: readonly Trial[],
  code: KvErrorCode,
): Promise<Refusals> {
  const failures: string[] = [];
  for (const { what, names, spoil } of trials) {
    const data = copyOf(dir, join(root, 'spoilt'));
    spoil(data);
    const before = data.contents();
    const error = await startOf(data.path);
    if (!isKvError(error, code)) failures.push(`${what}: ${String(error)}`);
    else if (!names.includes(basename(error.path ?? '')))
      failures.push(`${what}: the refusal names ${error.path}`);
    if (data.contents() !== before) failures.push(`${what}: the directory was changed`);
  }
  return { tried: trials.length, failures };
}

/** Returns the error that refused the start; undefined when it succeeded. */
async function startOf(dir: string): Promise<unknown> {
  try {
    await (await openStore(realEnv, dir, { snapshot: 'never' })).close();
    return undefined;
  } catch (error: unknown) {
    return error;
  }
}

async function tryNewerFormat(root: string, { seed, tier }: Budget): Promise<Tried> {
  const dir = join(root, 'data');
  await recordStore(dir, new SeededRandom(seed), 150);
  const store = await openStore(realEnv, dir, { snapshot: 'never' });
  await put(store, 'large', Buffer.alloc(1_200_000, 'large'));
  await store.close();
  const data = new DataDirectory(dir);
  const versions = tier === 'fast' ? [0, 2, 99] : [0, 2, 3, 99, 0xffff_ffff];
  const trials: Trial[] = [];
  for (const version of versions) {
    for (const name of [...data.names('.seg'), ...data.names('.val')]) {
      const spoil = (at: DataDirectory): void =>
        at.write(name, versioned(data.read(name), version));
      trials.push({ what: `${name} version ${version}`, names: [name], spoil });
    }
    const spoil = (at: DataDirectory): void => at.write('MANIFEST', newerManifest(at, version));
    trials.push({ what: `MANIFEST version ${version}`, names: ['MANIFEST'], spoil });
  }
  const { tried, failures } = await refusals(root, dir, trials, 'KV_FORMAT_VERSION');
  const hints = data.names('.hint');
  const expected = await contentsOf(dir);
  for (const name of hints) {
    const spoilt = copyOf(dir, join(root, 'spoilt'));
    spoilt.write(name, versioned(data.read(name), HINT_VERSION + 1));
    rmSync(spoilt.pathOf(IMAGE_NAME), { force: true });
    if ((await startOf(spoilt.path)) !== undefined) failures.push(`${name}: the start was refused`);
    const found = await contentsOf(spoilt.path);
    const isSame = [...expected].every(([key, content]) => found.get(key) === content);
    if (!isSame || found.size !== expected.size) failures.push(`${name}: the contents differ`);
  }
  const figure = `${tried} refused, ${countOf(hints.length, 'hint')} made again`;
  return { tried: tried + hints.length, failures, figure };
}

function versioned(bytes: Buffer, version: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(version, 8);
  return changed;
}

/** Returns a manifest as a release of that version would write it, with its checksum. */
function newerManifest(data: DataDirectory, version: number): string {
  const [line = ''] = composeManifest(data.manifest()).split('\n');
  const changed = line.replace('"version":1', `"version":${version}`);
  return `${changed}\ncrc32 ${checksumOf(changed)}\n`;
}

function checksumOf(line: string): string {
  return crc32(line).toString(16).padStart(8, '0');
}
