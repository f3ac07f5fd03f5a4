// Damaged stores are repaired into new ones: everything undamaged is there, and everything lost is named.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { openStore } from '../../../src/store/open-store.js';
import type { Loss } from '../../../src/offline/losses.js';
import { Repair } from '../../../src/offline/repair.js';
import { BATCH_HEADER_BYTES } from '../../../src/log/bytes/format.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import type { DataDirectory } from '../../support/data-directory.js';
import {
  contentsOf,
  copyOf,
  realEnv,
  recordStore,
  segmentEnds,
  valueIn,
  type RecordedStore,
} from '../../support/damaged-store.js';
import { temporaryFolder } from '../../support/servers.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

export const repair: FaultRow = {
  name: 'repair',
  fault:
    'Flipped bits, zeroed and cut pieces, missing segments, hints and manifest, then kv-check --repair',
  required:
    'Everything undamaged is in the new store, everything else is named; the damaged store is not touched',
  injection: 'files of real stores changed at random',
  try: repairDamaged,
};

async function repairDamaged({ tier, seed }: Budget): Promise<Tried> {
  const [stores, damages] = tier === 'fast' ? [2, 15] : [20, 200];
  const root = temporaryFolder();
  const failures: string[] = [];
  let tried = 0;
  let kept = 0;
  let named = 0;
  try {
    for (let at = 0; at < stores; at += 1) {
      const random = new SeededRandom(seed + at);
      const dir = join(root, `store-${at}`);
      const recorded = await recordStore(dir, random, 400);
      for (let i = 0; i < damages; i += 1) {
        tried += 1;
        const data = copyOf(dir, join(root, 'damaged'));
        const what = spoil(data, random);
        const judged = await judge(data, join(root, 'repaired'), recorded);
        kept += judged.kept;
        named += judged.named;
        failures.push(...judged.problems.map((text) => `seed ${seed + at}, ${what}: ${text}`));
      }
    }
  } finally {
    removeFolder(root);
  }
  const figure = `${kept} keys kept as they were, ${named} named as lost or doubtful`;
  return { tried, failures, figure };
}

/** Does one to three damages of one kind; returns what was done. */
function spoil(data: DataDirectory, random: SeededRandom): string {
  const done: string[] = [];
  if (random.chance(0.3)) {
    for (const name of data.names('.hint')) rmSync(data.pathOf(name));
    done.push('no hints');
  }
  for (let left = random.between(1, 3); left > 0; left -= 1) {
    const segments = segmentEnds(data);
    const { name, bytes } = random.pick(segments);
    const isLast = name === segments.at(-1)?.name;
    const isNamed = data.names('MANIFEST').length > 0;
    const kind = random.below(10);
    // The last seal stays: a log without its end looks like one that ended there.
    const end = isLast ? Math.floor((bytes - 1) / 8) * 8 - BATCH_HEADER_BYTES : bytes;
    const at = random.below(end);
    const room = Math.min(random.between(1, 5000), end - at);
    if (kind < 5) flipBit(data, name, at, random.below(8));
    else if (kind < 7) overwrite(data, name, at, room, 0);
    else if (kind < 8) overwrite(data, name, at, room, 0xff);
    else if (kind < 9 && segments.length > 1 && !isLast) rmSync(data.pathOf(name));
    else if (isNamed) rmSync(data.pathOf('MANIFEST'));
    done.push(`kind ${kind} ${name}@${at}`);
  }
  return done.join(', ');
}

function flipBit(data: DataDirectory, name: string, at: number, bit: number): void {
  const bytes = data.read(name);
  bytes[at]! ^= 1 << bit;
  data.write(name, bytes);
}

function overwrite(
  data: DataDirectory,
  name: string,
  at: number,
  count: number,
  byte: number,
): void {
  const bytes = data.read(name);
  bytes.fill(byte, at, Math.min(bytes.length, at + count));
  data.write(name, bytes);
}

interface Judged {
  readonly kept: number;
  readonly named: number;
  readonly problems: readonly string[];
}

async function judge(
  data: DataDirectory,
  target: string,
  { contents, everHeld }: RecordedStore,
): Promise<Judged> {
  removeFolder(target);
  mkdirSync(target);
  const before = data.contents();
  const plan = await Repair.plan(realEnv, data.path, () => undefined);
  const { losses, keys } = plan.report;
  await plan.write(target, () => undefined);
  await plan.close();
  const problems: string[] = [];
  if (data.contents() !== before) problems.push('the damaged directory was changed');
  const found = await contentsOf(target);
  if (found.size !== keys) problems.push(`${keys} keys were promised, ${found.size} are there`);
  const doubt = new Doubt(losses, everHeld);
  let kept = 0;
  for (const key of new Set([...contents.keys(), ...found.keys()])) {
    const [was, is] = [contents.get(key), found.get(key)];
    if (was === is) kept += 1;
    else if (is !== undefined && everHeld.get(key)?.has(valueIn(is)) !== true)
      problems.push(`${key} has a value that it never had`);
    else if (!doubt.covers(key)) problems.push(`${key} is not as it was, and no report named it`);
  }
  const store = await openStore(realEnv, target, { snapshot: 'never' });
  if (!store.stats().get('kv_recovery_clean')) problems.push('the new store looks unclean');
  if (store.durability.lastSeq < plan.report.lastSeq)
    problems.push('seqs would be given out again');
  await store.close();
  return { kept, named: losses.length, problems };
}

/** The keys that the report names as possibly changed. */
class Doubt {
  readonly #keys = new Set<string>();
  readonly #isOpen: boolean;

  constructor(losses: readonly Loss[], known: ReadonlyMap<string, unknown>) {
    for (const { key, fate } of losses) {
      if (key !== undefined && fate !== 'overwritten') this.#keys.add(key.toString('latin1'));
    }
    // A place without a key, or with a visibly garbled key, casts doubt on all keys.
    this.#isOpen = losses.some(
      ({ key }) => key === undefined || !known.has(key.toString('latin1')),
    );
  }

  covers(key: string): boolean {
    return this.#isOpen || this.#keys.has(key);
  }
}
