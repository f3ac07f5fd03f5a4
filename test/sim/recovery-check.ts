// Opens what a crash left and checks it against the history: the oracles O1, O2, O4, O5 and O6, and that the store serves
// again (O7).

import type * as S from '../../src/store/store.js';
import { checkCounters } from './counters-check.js';
import { DIR, openEngine, readAll, type EngineOptions } from './engine.js';
import {
  Violation,
  isSameEntry,
  matchingPrefixes,
  shown,
  type Entry,
  type History,
  type ReadTime,
} from './history.js';
import type { Settled } from './scheduler.js';
import type { SimDisk } from './sim-disk.js';
import { SimWorld, type SimProcess } from './sim-world.js';

/** A recovered store takes a write within this time (O7). */
const SERVES_WITHIN_MS = 1000;

/** The facts that are known about the moment of a crash. */
export interface Bounds {
  readonly history: History;
  /** Clients have got answers for everything up to this seq. */
  readonly minSeq: number;
  /** No client asked for anything above this seq. */
  readonly maxSeq: number;
  /** The store's clock; the clock of the restarted machine must not be behind it. */
  readonly nowMs: number;
  readonly mayVanish: boolean;
}

/** A disk as it was at some instant of a recovery, and what must then hold. */
export interface RecoveryPoint {
  readonly disk: SimDisk;
  readonly bounds: Bounds;
}

interface RecoveryOptions {
  readonly engine: EngineOptions;
  readonly seed: number;
  /** The recovery is repeated by a second start, and both are compared. */
  readonly twice: boolean;
  /** Items, bytes and files are counted again (O5, O8). */
  readonly counters?: boolean;
  /** Collects the disks at all instants of the recovery, for a second crash there. */
  readonly onPoint?: (point: RecoveryPoint) => void;
}

/**
 * Recovers a disk, checks what is found, restarts and checks again. Returns the seq whose prefix was found (the largest,
 * when several look the same).
 */
export async function checkRecovery(
  disk: SimDisk,
  bounds: Bounds,
  options: RecoveryOptions,
): Promise<number> {
  const world = new SimWorld(options.seed, disk);
  world.wallOffsetMs = bounds.nowMs - new SimWorld(0).boot().clock.wallMs();
  let known = bounds;
  const { onPoint } = options;
  if (onPoint !== undefined) {
    world.observe = () => onPoint({ disk: world.disk.clone(), bounds: known });
  }
  const first = await openAndRead(world, options.engine);
  const matching = matchingPrefixes(
    bounds.history,
    first.found,
    first.readMs,
    bounds,
    bounds.mayVanish,
  );
  const seq =
    matching.findLast((each) => each <= first.store.durability.lastSeq) ?? matching[0] ?? 0;
  // From now on, what was served must not change.
  known = { ...bounds, minSeq: matching[0] ?? seq, maxSeq: matching.at(-1) ?? seq };
  if (!options.twice) {
    world.observe = undefined;
    await serve(world, first.store);
    await closeCleanly(first);
    return seq;
  }
  await closeCleanly(first);
  const second = await openAndRead(world, options.engine);
  const isFlushed = bounds.history.isDueBy(first.readMs.fromMs, second.readMs.toMs, seq);
  if (!isFlushed) {
    compare(first.found, second.found, second.store.nowMs(), bounds.mayVanish);
  }
  if (second.store.durability.lastSeq < first.store.durability.lastSeq) {
    throw new Violation(
      `lastSeq went from ${first.store.durability.lastSeq} back to ${second.store.durability.lastSeq}`,
    );
  }
  world.observe = undefined;
  await serve(world, second.store);
  if (options.counters === true) await checkCounters(world, second.store);
  await closeCleanly(second);
  return seq;
}

interface Opened {
  readonly world: SimWorld;
  readonly process: SimProcess;
  readonly store: S.LocalStore;
  readonly found: Map<string, Entry>;
  readonly readMs: ReadTime;
}

async function openAndRead(world: SimWorld, engine: EngineOptions): Promise<Opened> {
  const process = world.boot();
  const before = temporaries(world);
  const store = unwrap(await world.scheduler.settle(openEngine(process, engine)), 'start');
  const leftovers = temporaries(world).filter((name) => before.includes(name));
  if (leftovers.length > 0) throw new Violation(`Left over: ${leftovers.join(', ')}`);
  const fromMs = store.nowMs();
  const found = unwrap(await world.scheduler.settle(readAll(store)), 'read');
  return { world, process, store, found, readMs: { fromMs, toMs: store.nowMs() } };
}

/** Returns the files that a start must remove. A hint is not among them: a start may write it again at once. */
function temporaries(world: SimWorld): string[] {
  const names = world.disk.list(DIR) ?? [];
  return names.filter((name) => name.endsWith('.tmp') && !name.includes('.hint'));
}

async function closeCleanly({ world, process, store }: Opened): Promise<void> {
  unwrap(await world.scheduler.settle(store.close()), 'close');
  if (process.openFiles.size > 0) {
    const paths = [...process.openFiles].map(({ path }) => path).join(', ');
    throw new Violation(`Open after close(): ${paths}`);
  }
}

/** Waits until a write becomes durable, so that the recovered store works. */
async function serve(world: SimWorld, store: S.LocalStore): Promise<void> {
  const put = store.put({
    mode: 'set',
    key: Buffer.from('served again'),
    value: Buffer.from('yes'),
    flags: 0,
    expiresAt: 0,
  });
  const startedMs = world.scheduler.nowMs;
  const { status, after } = unwrap(await world.scheduler.settle(put), 'put');
  if (status !== 'stored') throw new Violation(`After recovery a set answers ${status}`);
  const durable = new Promise<void>((resolve) => {
    store.durability.onDurable(() => {
      if (store.durability.watermark >= after) resolve();
    });
  });
  unwrap(await world.scheduler.settle(durable), 'commit');
  const tookMs = world.scheduler.nowMs - startedMs;
  if (tookMs > SERVES_WITHIN_MS) throw new Violation(`The first write took ${tookMs} ms`);
}

/** Compares two starts. `mayVanish`: a start with more items than the bound evicts some, after they were read. */
function compare(
  first: ReadonlyMap<string, Entry>,
  second: ReadonlyMap<string, Entry>,
  nowMs: number,
  mayVanish: boolean,
): void {
  for (const key of new Set([...first.keys(), ...second.keys()])) {
    const [a, b] = [first.get(key), second.get(key)];
    const isExpired = a !== undefined && a.expiresAt !== 0 && a.expiresAt <= nowMs;
    if (isSameEntry(a, b) || ((isExpired || mayVanish) && b === undefined)) continue;
    throw new Violation(`The second start shows ${key} as ${shown(b)}, the first as ${shown(a)}`);
  }
}

/** Returns the value, or throws a Violation that says which step failed and how. */
export function unwrap<T>(settled: Settled<T>, step: string): T {
  if (settled.kind === 'value') return settled.value;
  if (settled.kind === 'error' || settled.kind === 'fatal') {
    const { error } = settled;
    if (error instanceof Violation) throw error;
    throw new Violation(`The ${step} failed: ${String(error)}`, { cause: error });
  }
  throw new Violation(
    `The ${step} never ended: ${settled.kind === 'stuck' ? settled.reason : 'stopped'}`,
  );
}
