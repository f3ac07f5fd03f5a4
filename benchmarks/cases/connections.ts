// New connections: the cost of a connection for a single request, as PHP makes them. Also the wait for the first
// answer of the last of many connections that come at once, while others keep the server busy.

import { setTimeout } from 'node:timers/promises';
import type { Bench, Case, CaseResult } from '../bench.js';
import { budget, findPeers } from '../figure-case.js';
import { clientsMissing, runClients } from '../load/clients.js';
import type { LoadSpec } from '../load/spec.js';
import { CAIRN, LEAN_INLINE, MEMCACHED, REDIS } from '../peers/catalog.js';
import type { Peer } from '../peers/peer.js';
import { alternate, compare, rowsOf, type ComparisonSpec, type Contender } from '../rounds.js';

const STORM_CLIENTS = 500;
const FIRST_ANSWER_MS_MAX = 50;
/** The load begins this long before the storm, and goes on for at least this long after it. */
const LEAD_MS = 300;
const TAIL_MS_MIN = 1000;
const LOAD: Partial<LoadSpec> = { readRatio: 10 / 11, keyCount: 10_000, warmupMs: 0 };

function peersOf({ before }: Bench): readonly Peer[] {
  return [CAIRN, ...(before === undefined ? [] : [before]), MEMCACHED, REDIS, LEAN_INLINE];
}

function noClients(test: string, note: string): CaseResult {
  return { rows: [{ test, server: 'clients', sample: {}, note }], comparisons: [] };
}

async function runCycles(bench: Bench): Promise<CaseResult> {
  const test = CONNECT.name;
  const note = clientsMissing();
  if (note !== undefined) return noClients(test, note);
  const count = bench.sizes.durationMs * 2;
  const { present, missing } = findPeers(test, peersOf(bench));
  const contenders: Contender[] = [];
  for (const peer of present) {
    const running = await bench.start(peer);
    const measure = async () => runClients(running, 'cycle', count);
    await measure();
    contenders.push({ server: peer.name, unit: 'µs a cycle', measure });
  }
  const rounds = await alternate(contenders, bench.sizes.rounds, (line) => bench.progress(line));
  const specs: readonly ComparisonSpec[] = [
    { metric: 'value', server: CAIRN.name, against: REDIS.name, atMost: 2 },
    { metric: 'value', server: CAIRN.name, against: MEMCACHED.name },
    { metric: 'value', server: CAIRN.name, against: LEAN_INLINE.name },
    { metric: 'cpuUs', server: CAIRN.name, against: REDIS.name },
  ];
  return {
    rows: [...rowsOf(test, contenders, rounds), ...missing],
    comparisons: specs.map((spec) => compare(test, spec, rounds)),
  };
}

export const CONNECT: Case = {
  name: 'CONNECT',
  title: 'connect, one GET, close: one client after the other',
  run: runCycles,
};

async function runStorm(bench: Bench): Promise<CaseResult> {
  const test = STORM.name;
  const note = clientsMissing();
  if (note !== undefined) return noClients(test, note);
  const { present, missing } = findPeers(test, peersOf(bench));
  const contenders: Contender[] = [];
  for (const peer of present) {
    const running = await bench.start(peer);
    await bench.fill(running, LOAD.keyCount!, 100);
    await bench.load(running, { ...LOAD, durationMs: bench.sizes.heatUpMs });
    contenders.push({
      server: peer.name,
      unit: 'ms, longest',
      measure: async (round) => {
        const durationMs = LEAD_MS + Math.max(TAIL_MS_MIN, bench.sizes.durationMs);
        const load = bench.load(running, { ...LOAD, durationMs, seed: round + 1 });
        const storm = setTimeout(LEAD_MS).then(async () =>
          runClients(running, 'storm', STORM_CLIENTS),
        );
        const [{ rps }, waited] = await Promise.all([load, storm]);
        return { ...waited, rps, value: waited.maxMs! };
      },
    });
  }
  const all = [...contenders, budget(FIRST_ANSWER_MS_MAX, 'ms')];
  const rounds = await alternate(all, bench.sizes.rounds, (line) => bench.progress(line));
  const longest = (against: string, atMost?: number) => {
    const spec = { metric: 'value', server: CAIRN.name, against } as const;
    return compare(test, atMost === undefined ? spec : { ...spec, atMost }, rounds);
  };
  return {
    rows: [...rowsOf(test, all, rounds), ...missing],
    comparisons: [longest('budget', 1), longest(REDIS.name), longest(MEMCACHED.name)],
  };
}

export const STORM: Case = {
  name: 'STORM',
  title: '500 new connections at once beside a mix of 1:10 on 50: wait for the first answer',
  run: runStorm,
};
