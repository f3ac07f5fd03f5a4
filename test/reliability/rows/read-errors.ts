// The disk cannot read: at a start, for a get, for a compaction. Every read fails in turn, once.

import { openStore } from '../../../src/store/open-store.js';
import { DIR } from '../../sim/engine.js';
import { FaultPlan } from '../../sim/fault-plan.js';
import { SimStore, settle } from '../../support/sim-store.js';
import type { Budget, FaultRow, Tried } from '../row.js';

const OPTIONS = {
  segmentBytesMax: 8192,
  cacheBytesMax: 0,
  snapshot: 'never',
  compactMinBytes: 1e9,
} as const;

export const readErrors: FaultRow = {
  name: 'read-error',
  fault: 'EIO from a read at the start, for a get, for a compaction',
  required:
    'The start is refused, and the error is never taken for the end of the log; the get says damaged, and the key stays; the compaction leaves what was',
  injection: 'simulation: the N-th read fails, N = 1, 2, 3… until none does',
  try: tryReadErrors,
};

type Contents = Readonly<Record<string, string | undefined>>;

interface Sites {
  readonly tried: number;
  readonly failures: readonly string[];
}

async function tryReadErrors({ tier }: Budget): Promise<Tried> {
  const keys = tier === 'fast' ? 20 : 100;
  const start = await startSites(keys);
  const gets = await getSites(keys);
  const compactions = await compactionSites(keys);
  const all = [start, gets, compactions];
  return {
    tried: all.reduce((sum, { tried }) => sum + tried, 0),
    failures: all.flatMap(({ failures }) => failures),
    figure: `${start.tried} reads of starts, ${gets.tried} of gets, ${compactions.tried} of compactions; keys lost 0`,
  };
}

async function filled(keys: number): Promise<SimStore> {
  const sim = await SimStore.open(OPTIONS);
  for (let at = 0; at < keys * 2; at += 1) {
    await sim.words.set(`k${at % keys}`, `${at};`.repeat(100));
    await sim.words.durable();
    await sim.advance(2);
  }
  return sim;
}

function failRead(sim: SimStore, at: number): void {
  const effect = { kind: 'error', code: 'EIO' } as const;
  sim.world.faults = new FaultPlan([{ at, kinds: ['read'], effect }]);
}

/** Returns true when the fault struck, and removes the fault. */
function struck(sim: SimStore): boolean {
  const isStruck = sim.world.faults.fired > 0;
  sim.world.faults = new FaultPlan();
  return isStruck;
}

function isSame(a: Contents, b: Contents): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(contents: Contents): [string, string | undefined][] {
  return Object.entries(contents).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

async function startSites(keys: number): Promise<Sites> {
  const failures: string[] = [];
  let tried = 0;
  for (const useHints of [true, false]) {
    for (let at = 1; ; at += 1) {
      const sim = await filled(keys);
      const expected = await sim.contents();
      sim.world.kill();
      failRead(sim, at);
      const process = sim.world.boot();
      const opened = await settle(
        sim.world,
        openStore(process, DIR, { ...OPTIONS, useHints }).catch((error: unknown) => error as Error),
      );
      const isRefused = opened instanceof Error;
      if (!struck(sim)) break;
      tried += 1;
      if (!isRefused) await settle(sim.world, opened.close());
      await sim.reopen('kill', { ...OPTIONS, useHints });
      if (!isSame(await sim.contents(), expected))
        failures.push(`read ${at} of a start: afterwards something else is there`);
      await sim.close();
    }
  }
  return { tried, failures };
}

async function getSites(keys: number): Promise<Sites> {
  const failures: string[] = [];
  const sim = await filled(keys);
  const expected = await sim.contents();
  let tried = 0;
  for (const name of Object.keys(expected)) {
    failRead(sim, 1);
    const found = await sim.wait(sim.store.get(Buffer.from(name)));
    if (!struck(sim)) continue;
    tried += 1;
    if (found.kind !== 'damaged') failures.push(`get ${name}: ${found.kind}`);
    if ((await sim.words.value(name)) !== expected[name]) failures.push(`get ${name}: gone`);
  }
  await sim.close();
  return { tried, failures };
}

async function compactionSites(keys: number): Promise<Sites> {
  const failures: string[] = [];
  for (let at = 1; ; at += 1) {
    const sim = await filled(keys);
    const expected = await sim.contents();
    failRead(sim, at);
    const failed = await sim.wait(
      sim.store.compact({ everything: true }).then(
        () => false,
        () => true,
      ),
    );
    if (!struck(sim)) {
      await sim.close();
      return { tried: at - 1, failures };
    }
    const what = `read ${at} of a compaction`;
    if (!failed) failures.push(`${what}: it did not fail`);
    if (!isSame(await sim.contents(), expected)) failures.push(`${what}: something else is there`);
    await sim.reopen('kill');
    if (!isSame(await sim.contents(), expected)) failures.push(`${what}: after a restart`);
    await sim.close();
  }
}
