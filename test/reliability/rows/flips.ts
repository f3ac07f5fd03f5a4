// Flipped bits in acknowledged bytes: in the middle of the log, in its tail, in the last batch before and after its seal,
// and in the other files of a store.

import { join } from 'node:path';

import { KvError, isKvError } from '../../../src/errors.js';
import { IMAGE_NAME } from '../../../src/log/bytes/file-names.js';
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../../../src/log/bytes/format.js';
import { openStore } from '../../../src/store/open-store.js';
import { SnapshotParser } from '../../../src/store/snapshot-file/parser.js';
import { judgeFlip, type Flip, type Verdict } from '../../sim/bit-flips.js';
import { DIR, readAll } from '../../sim/engine.js';
import { Violation, type Entry } from '../../sim/history.js';
import { unwrap } from '../../sim/recovery-check.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import type { SimDisk } from '../../sim/sim-disk.js';
import { DataDirectory } from '../../support/data-directory.js';
import { realEnv, recordStore, segmentEnds } from '../../support/damaged-store.js';
import { temporaryFolder } from '../../support/servers.js';
import { SimStore } from '../../support/sim-store.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

const ENGINE = { segmentBytesMax: 8192, cacheBytesMax: 0, snapshot: 'never' } as const;

export const flipMidLog: FaultRow = {
  name: 'bit-flip',
  fault: 'One bit of acknowledged bytes flips, anywhere in a log of real files',
  required:
    'The start is refused with file and offset, and changes nothing; keys that may be stale are named',
  injection: 'one bit of a stopped directory at a time, started without hints',
  try: tryFlipsMidLog,
};

export const flipInTail: FaultRow = {
  name: 'bit-flip-tail',
  fault:
    'A bit flips in the active segment: in acknowledged batches, and in a batch that no client got an answer for',
  required:
    'A flip in an acknowledged batch is corruption and refused, a flip in the other batch is torn and cut; never the other way round',
  injection: 'simulation: each bit of every batch before and after the seal',
  try: tryFlipsInTail,
};

export const flipElsewhere: FaultRow = {
  name: 'bit-flip-files',
  fault:
    'A bit flips in a large value, a hint, the image, the manifest, the snapshot, a sealed segment that has a hint',
  required:
    'The damage is never served and never silent: the file is refused, the get says damaged, or the hint or the image is not used',
  injection: 'simulation: bits of every file; the snapshot read as kv-load reads it',
  try: tryFlipsElsewhere,
};

async function tryFlipsMidLog({ tier, seed }: Budget): Promise<Tried> {
  const flips = tier === 'fast' ? 150 : 5000;
  const root = temporaryFolder();
  const random = new SeededRandom(seed);
  const data = new DataDirectory(join(root, 'data'));
  const failures: string[] = [];
  let named = 0;
  let bytes = 0;
  try {
    await recordStore(data.path, random, tier === 'fast' ? 1500 : 20_000);
    const segments = segmentEnds(data).filter((each) => each.bytes > SEGMENT_HEADER_BYTES);
    bytes = segments.reduce((sum, each) => sum + each.bytes, 0);
    const before = data.contents();
    for (let at = 0; at < flips; at += 1) {
      const { name, bytes: end } = random.pick(segments);
      const isLast = name === segments.at(-1)?.name;
      // Nothing says that the very last seal was there.
      const place = random.below(isLast ? Math.floor((end - 1) / 8) * 8 - BATCH_HEADER_BYTES : end);
      const good = data.read(name);
      const bad = Buffer.from(good);
      bad[place]! ^= 1 << random.below(8);
      data.write(name, bad);
      const error = await startWithoutHints(data.path);
      if (!isRefusal(error, data.pathOf(name), place))
        failures.push(`seed ${seed}: ${name}@${place}: ${String(error)}`);
      if (String(error).includes('keys that may be stale')) named += 1;
      data.write(name, good);
    }
    if (data.contents() !== before)
      failures.push(`seed ${seed}: a refused start changed something`);
  } finally {
    removeFolder(root);
  }
  const size = `${Math.round(bytes / 1024)} KiB of log`;
  return { tried: flips, failures, figure: `${size}, silent 0, keys named in ${named} refusals` };
}

async function startWithoutHints(dir: string): Promise<unknown> {
  try {
    const options = { snapshot: 'never', useHints: false } as const;
    await (await openStore(realEnv, dir, options)).close();
    return undefined;
  } catch (error: unknown) {
    return error;
  }
}

/** Checks whether the error names the file, and a place at or before the byte. */
function isRefusal(error: unknown, path: string, place: number): boolean {
  const isCode = isKvError(error, 'KV_CORRUPTION') || isKvError(error, 'KV_FORMAT_VERSION');
  return isCode && error instanceof KvError && error.path === path && (error.offset ?? 0) <= place;
}

interface Recorded {
  readonly disk: SimDisk;
  readonly content: ReadonlyMap<string, Entry>;
  /** The active segment and the offsets of its batches; the last entry is the offset at which they end. */
  readonly path: string;
  readonly batches: readonly number[];
}

/** Records a killed store whose active segment holds `values` batches, sealed by idleness or not. */
async function recordActive(values: number, isSealed: boolean): Promise<Recorded> {
  const sim = await SimStore.open(ENGINE);
  for (let at = 0; at < values; at += 1) {
    await sim.words.set(`k${at % 3}`, `value ${at}`);
    await sim.words.durable();
  }
  if (isSealed) await sim.advance(3000);
  const content = unwrap(await sim.world.scheduler.settle(readAll(sim.store)), 'read');
  sim.world.losePower({ kind: 'lost' });
  const { disk } = sim.world;
  const endOf = (name: string): number => dirtyEnd(Buffer.from(disk.find(name)?.cached() ?? []));
  // A file that a tail rewrite removed may be there again; it is empty.
  const segments = [...disk.files().keys()].filter((name) => name.endsWith('.seg'));
  const [path = ''] = segments.sort((a, b) => endOf(b) - endOf(a));
  const bytes = Buffer.from(disk.find(path)?.cached() ?? []);
  const batches: number[] = [SEGMENT_HEADER_BYTES];
  for (let at = SEGMENT_HEADER_BYTES; at + 4 <= bytes.length; batches.push(at)) {
    if (bytes.readUInt32LE(at) === 0) break;
    at += bytes.readUInt32LE(at + 8);
  }
  return { disk, content, path, batches };
}

async function tryFlipsInTail({ tier, seed }: Budget): Promise<Tried> {
  const step = tier === 'fast' ? 5 : 1;
  const failures: string[] = [];
  const seen = { refused: 0, cut: 0 };
  let tried = 0;
  for (const isSealed of [true, false]) {
    const recorded = await recordActive(4, isSealed);
    const { disk, path, batches, content } = recorded;
    const start = batches.at(-2)!;
    const end = batches.at(-1)!;
    for (let position = 0; position < end; position += 1) {
      for (let bit = (position + seed) % step; bit < 8; bit += step) {
        tried += 1;
        const flip = { path, position, bit };
        const isProved = position < start;
        const verdict = await judgedTail(disk, flip, content, isSealed);
        if (verdict === (isProved ? 'refused' : 'cut')) seen[verdict] += 1;
        else
          failures.push(`${isSealed ? 'sealed' : 'unsealed'} @${position} bit ${bit}: ${verdict}`);
      }
    }
  }
  const figure = `${seen.refused} proved and refused, ${seen.cut} unproved and cut; after the seal 100 % proved`;
  return { tried, failures, figure };
}

/** `cut`: the start went on without the last batch, which is a seal, holding nothing, or the newest value. */
async function judgedTail(
  disk: SimDisk,
  flip: Flip,
  content: ReadonlyMap<string, Entry>,
  isSealed: boolean,
): Promise<string> {
  try {
    const verdict = await judgeFlip(disk, flip, content, ENGINE);
    return verdict === 'harmless' ? 'cut' : verdict;
  } catch (error: unknown) {
    if (!(error instanceof Violation)) throw error;
    // Without a seal the last batch is cut: its one key shows its earlier value.
    return isSealed ? error.message : 'cut';
  }
}

async function tryFlipsElsewhere({ tier, seed }: Budget): Promise<Tried> {
  const random = new SeededRandom(seed);
  const each = tier === 'fast' ? 60 : 2000;
  const { disk, content } = await recordFiles();
  const failures: string[] = [];
  const seen = new Map<string, number>();
  let tried = 0;
  for (const kind of [IMAGE_NAME, '.val', '.hint', 'MANIFEST', '.seg']) {
    const paths = [...disk.files().keys()].filter((path) => path.endsWith(kind)).sort();
    // Another row tries the active segment.
    const sealed = kind === '.seg' ? paths.slice(0, -2) : paths;
    for (let at = 0; at < each && sealed.length > 0; at += 1) {
      const path = random.pick(sealed);
      const size = dirtyEnd(Buffer.from(disk.find(path)?.cached() ?? []));
      const flip = { path, position: random.below(size), bit: random.below(8) };
      tried += 1;
      const verdict = await judged(disk, flip, content, failures);
      const isDerived = kind === '.hint' || kind === IMAGE_NAME;
      if (isDerived && verdict !== 'harmless') failures.push(`${path}: ${verdict}`);
      const name = `${kind} ${verdict}`;
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
    // With an image the start would not read the hints.
    if (kind === IMAGE_NAME) disk.remove(`${DIR}/${IMAGE_NAME}`);
  }
  const snapshot = await snapshotBytes();
  for (let at = 0; at < each; at += 1) {
    tried += 1;
    // The line end that closes the file carries no information.
    const place = random.below(snapshot.length - 1);
    const bad = Buffer.from(snapshot);
    bad[place]! ^= 1 << random.below(8);
    if (!isRefusedSnapshot(bad)) failures.push(`snapshot@${place}: taken`);
  }
  const figure = [...seen].map(([name, count]) => `${name} ${count}`).join(', ');
  return { tried, failures, figure: `${figure}, snapshot refused ${each}` };
}

async function judged(
  disk: SimDisk,
  flip: Flip,
  content: ReadonlyMap<string, Entry>,
  failures: string[],
): Promise<Verdict | 'silent'> {
  try {
    return await judgeFlip(disk, flip, content, { ...ENGINE, useHints: true });
  } catch (error: unknown) {
    if (!(error instanceof Violation)) throw error;
    // A large value is read in pieces: the read fails, and says where.
    if (isKvError(error.cause, 'KV_CORRUPTION')) return 'answered';
    failures.push(error.message);
    return 'silent';
  }
}

async function recordFiles(): Promise<Pick<Recorded, 'disk' | 'content'>> {
  const sim = await SimStore.open(ENGINE);
  for (let at = 0; at < 40; at += 1) {
    await sim.words.set(`k${at}`, `${at};`.repeat(200));
    await sim.words.durable();
    await sim.advance(5);
  }
  await sim.words.set('large', 'large'.repeat(300_000));
  await sim.words.durable();
  await sim.advance(3000);
  const content = unwrap(await sim.world.scheduler.settle(readAll(sim.store)), 'read');
  await sim.close();
  return { disk: sim.world.disk, content };
}

async function snapshotBytes(): Promise<Buffer> {
  const sim = await SimStore.open(ENGINE);
  for (let at = 0; at < 20; at += 1) await sim.words.set(`k${at}`, `value ${at}`);
  await sim.words.durable();
  await sim.wait(sim.store.snapshot());
  const bytes = sim.world.disk.find(`${DIR}/snapshot.json`)?.cached() ?? [];
  await sim.close();
  return Buffer.from(bytes);
}

function isRefusedSnapshot(bytes: Buffer): boolean {
  try {
    const parser = new SnapshotParser('snapshot.json');
    let entries = 0;
    for (const parts of [parser.push(bytes), parser.end()])
      for (const _entry of parts) entries += 1;
    return entries < 0;
  } catch (error: unknown) {
    if (!isKvError(error)) throw error;
    return true;
  }
}

function dirtyEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}
