// Parts of one store, by name: operations and upkeep get them from here. This file holds no rules.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

import type { Env } from '../../env/env.js';
import type { History } from '../../log/history.js';
import type { Log } from '../../log/log.js';
import type { StoreClock } from '../clock.js';
import type { StoreCounters } from '../counters.js';
import type { Flushes } from '../flushes/flushes.js';
import type { StoreMeasures } from '../measures.js';
import type { StoreOptions } from '../options.js';
import type { ValueCache } from '../value-cache/value-cache.js';
import { Commits } from './commits.js';
import type { Items } from './items.js';
import type { LargeValues } from './large-values.js';
import { Liveness } from './liveness.js';

/** The parts that opening a store makes. */
interface OpenedParts {
  readonly env: Env;
  readonly options: StoreOptions;
  readonly clock: StoreClock;
  readonly log: Log;
  readonly history: History;
  readonly items: Items;
  readonly cache: ValueCache;
  readonly flushes: Flushes;
  readonly large: LargeValues;
  readonly counters: StoreCounters;
}

export interface StoreParts extends OpenedParts {
  readonly liveness: Liveness;
  readonly commits: Commits;
  /** Duration of each commit's write and sync, in ns. */
  readonly syncLatency: RecordableHistogram;
  readonly observed: Observed;
}

/** The measures that are taken in addition to the counters. */
export interface Observed {
  /** Undefined: nothing is measured. */
  measures: StoreMeasures | undefined;
}

export function storeParts(opened: OpenedParts): StoreParts {
  const { items, clock, flushes, log, options } = opened;
  const liveness = new Liveness(items.keydir, clock, flushes, log, options.logExpiries);
  const syncLatency = createHistogram();
  const observed: Observed = { measures: undefined };
  log.onLatency = (ms, bytes, records) => {
    syncLatency.record(Math.max(1, Math.round(ms * 1e6)));
    observed.measures?.committed(ms, bytes, records);
  };
  const commits = new Commits({ ...opened, liveness });
  return { ...opened, liveness, commits, syncLatency, observed };
}
