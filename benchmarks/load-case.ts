// The most common kind of case: the same load on several servers, in alternating rounds.

import type { Bench, Case, CaseResult, Running } from './bench.js';
import { DEFAULT_LOAD, type LoadSpec } from './load/spec.js';
import { CAIRN, CAIRN_BEFORE } from './peers/catalog.js';
import type { Peer, PeerSettings } from './peers/peer.js';
import {
  alternate,
  compare,
  rowsOf,
  sampleOf,
  type ComparisonSpec,
  type Contender,
  type Metric,
  type Row,
} from './rounds.js';

export interface Entrant {
  readonly peer: Peer;
  readonly settings?: PeerSettings;
  /** The name in the table, when it is not the peer's. */
  readonly server?: string;
}

/** Compares Cairn with a limit: its rate, and its CPU time per request. */
export function distanceTo(against: string): readonly ComparisonSpec[] {
  return [
    { metric: 'rps', server: 'cairn', against },
    { metric: 'cpuUs', server: 'cairn', against },
  ];
}

export interface LoadCase {
  readonly name: string;
  readonly title: string;
  readonly entrants: readonly Entrant[];
  readonly load: Partial<LoadSpec>;
  /** Other contenders in the same rounds, for instance limits. */
  readonly limits?: (bench: Bench) => readonly Contender[];
  readonly comparisons: readonly ComparisonSpec[];
}

interface Started {
  readonly contenders: readonly Contender[];
  readonly missing: readonly Row[];
}

/** Adds the other build of Cairn behind ours, when there is one. */
export function withBefore(bench: Bench, entrants: readonly Entrant[]): readonly Entrant[] {
  const { before } = bench;
  if (before === undefined) return entrants;
  return entrants.flatMap((entrant) =>
    entrant.peer === CAIRN && entrant.server === undefined
      ? [entrant, { ...entrant, peer: before }]
      : [entrant],
  );
}

/** Compares the new build with the old one, when that was measured. */
export function comparedToBefore(bench: Bench, metrics: readonly Metric[]): ComparisonSpec[] {
  if (bench.before === undefined) return [];
  return metrics.map((metric) => ({ metric, server: CAIRN.name, against: CAIRN_BEFORE }));
}

/** Starts and fills the peers that are present. A missing peer becomes a row that says so. */
async function startAll(bench: Bench, test: string, spec: LoadCase): Promise<Started> {
  const contenders: Contender[] = [];
  const missing: Row[] = [];
  const keyCount = spec.load.keyCount ?? DEFAULT_LOAD.keyCount;
  const valueBytes = spec.load.valueBytes ?? DEFAULT_LOAD.valueBytes;
  for (const { peer, settings, server = peer.name } of withBefore(bench, spec.entrants)) {
    const note = peer.missing();
    if (note !== undefined) {
      missing.push({ test, server, sample: {}, note });
      continue;
    }
    const running: Running = await bench.start(peer, { ...settings, valueBytes });
    if ((spec.load.readRatio ?? DEFAULT_LOAD.readRatio) > 0) {
      await bench.fill(running, keyCount, valueBytes);
    }
    // A server that compiles its code while it runs is measured warm: it is warm for all but the first second of its
    // life.
    await bench.load(running, { ...spec.load, warmupMs: 0, durationMs: bench.sizes.heatUpMs });
    contenders.push({
      server,
      measure: async (round) =>
        sampleOf(await bench.load(running, { seed: round + 1, ...spec.load })),
    });
  }
  return { contenders, missing };
}

export function loadCase(spec: LoadCase): Case {
  const run = async (bench: Bench): Promise<CaseResult> => {
    const started = await startAll(bench, spec.name, spec);
    const contenders = [...started.contenders, ...(spec.limits?.(bench) ?? [])];
    const rounds = await alternate(contenders, bench.sizes.rounds, (line) => bench.progress(line));
    return {
      rows: [...rowsOf(spec.name, contenders, rounds), ...started.missing],
      comparisons: [...spec.comparisons, ...comparedToBefore(bench, ['rps', 'p99Ms', 'cpuUs'])].map(
        (comparison) => compare(spec.name, comparison, rounds),
      ),
    };
  };
  return { name: spec.name, title: spec.title, run };
}
