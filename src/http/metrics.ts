// /metrics: fills the table (metric-table.ts) from `stats` and the histograms, in the text format of Prometheus.
//
// Invariants:
// - Measurements are counted in plain numbers elsewhere; prom-client sees them only when somebody asks.
// - An answer is composed at most once per interval and shared: many clients that ask hold up the loop no longer than
//   one.
// - Nothing here walks over keys.

import {
  Counter,
  Gauge,
  Histogram as PromHistogram,
  Registry,
  type HistogramConfiguration,
} from 'prom-client';

import type { Clock } from '../env/env.js';
import { Histogram } from '../histogram.js';
import { COMMANDS, Latencies } from '../server/latencies.js';
import { StoreMeasures } from '../store/measures.js';
import { CLUSTER_METRICS, valuesOf, type ClusterMetric } from './cluster-metrics.js';
import { HISTOGRAMS, STAT_METRICS, type HistogramMetric, type StatMetric } from './metric-table.js';

const SHARED_MS = 100;
const LOOP_DELAY_MS = 20;
const LOOP_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

type Stats = ReadonlyMap<string, string | number>;

/** A histogram and the label that distinguishes it from the others of its name. */
interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
  readonly histogram: Histogram;
}

export class Metrics {
  readonly latencies: Latencies;
  readonly measures = new StoreMeasures();
  readonly contentType: string;
  readonly #clock: Clock;
  readonly loopDelay = new Histogram(LOOP_BOUNDS);
  readonly #registry = new Registry();
  #stats: Stats = new Map();
  #shared: { readonly text: Promise<string>; readonly madeMs: number } | undefined;

  /**
   * `isReady` is asked for cairn_ready. With `isCluster` the items are in a cluster, and its metrics are served too.
   */
  constructor(clock: Clock, isReady: () => boolean, isCluster = false) {
    this.#clock = clock;
    this.latencies = new Latencies(clock);
    this.contentType = this.#registry.contentType;
    for (const metric of STAT_METRICS) this.#addStat(metric);
    if (isCluster) for (const metric of CLUSTER_METRICS) this.#addCluster(metric);
    const gauges: readonly (readonly [string, string, () => number])[] = [
      ['memcached_up', 'always 1', () => 1],
      ['cairn_ready', '1 while /readyz says 200', () => (isReady() ? 1 : 0)],
      ['cairn_resident_memory_bytes', 'memory of the process', () => process.memoryUsage.rss()],
      ['cairn_heap_used_bytes', 'used heap of V8', () => process.memoryUsage().heapUsed],
    ];
    for (const [name, help, valueOf] of gauges) this.#addGauge(name, help, valueOf);
    this.#addVersion('memcached_version', 'version', 'version that the server tells its clients');
    this.#addVersion('cairn_version', 'kv_version', 'version of Cairn');
    this.#addHistograms();
    this.#watchLoop();
  }

  /**
   * Composes a first answer before any client waits: the first one takes longest, because V8 compiles the code for
   * it.
   */
  async warmUp(): Promise<void> {
    await this.#registry.metrics();
  }

  /** `stats` gives what the server counts now. It is called only when the last answer is too old. */
  text(stats: () => Iterable<readonly [string, string | number]>): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#shared !== undefined && nowMs - this.#shared.madeMs < SHARED_MS) {
      return this.#shared.text;
    }
    this.#stats = new Map(stats());
    this.#shared = { text: this.#registry.metrics(), madeMs: nowMs };
    return this.#shared.text;
  }

  #addStat({ name, help, type, samples, factor }: StatMetric): void {
    const labelNames = Object.keys(samples[0]?.labels ?? {});
    const values = samples.map(({ labels, stat }) => ({
      labels,
      value: () => this.#valueOf(stat) * factor,
    }));
    const settings = { name, help, labelNames, registers: [this.#registry] };
    if (type === 'counter') {
      const counter: Counter = new Counter({
        ...settings,
        collect: () => {
          counter.reset();
          for (const { labels, value } of values) counter.inc(labels, value());
        },
      });
    } else {
      const gauge: Gauge = new Gauge({
        ...settings,
        collect: () => {
          for (const { labels, value } of values) gauge.set(labels, value());
        },
      });
    }
  }

  /** Nodes and shards come and go: each answer names the present ones. */
  #addCluster(metric: ClusterMetric): void {
    const { name, help, type, label } = metric;
    const labelNames = label === undefined ? [] : [label];
    const settings = { name, help, labelNames, registers: [this.#registry] };
    if (type === 'counter') {
      const counter: Counter = new Counter({
        ...settings,
        collect: () => {
          counter.reset();
          for (const { labels, value } of valuesOf(metric, this.#stats)) counter.inc(labels, value);
        },
      });
    } else {
      const gauge: Gauge = new Gauge({
        ...settings,
        collect: () => {
          gauge.reset();
          for (const { labels, value } of valuesOf(metric, this.#stats)) gauge.set(labels, value);
        },
      });
    }
  }

  #valueOf(stat: string | 0): number {
    if (stat === 0) return 0;
    const number = (name: string): number => Number(this.#stats.get(name) ?? 0);
    if (stat !== 'set_hits') return number(stat);
    // cmd_set counts the stores by cas too; a counter does not go below 0.
    return Math.max(
      0,
      number('cmd_set') - number('cas_hits') - number('cas_misses') - number('cas_badval'),
    );
  }

  #addGauge(name: string, help: string, valueOf: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect: () => gauge.set(valueOf()),
    });
  }

  #addVersion(name: string, stat: string, help: string): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: ['version'],
      registers: [this.#registry],
      collect: () => gauge.set({ version: String(this.#stats.get(stat) ?? '') }, 1),
    });
  }

  #addHistograms(): void {
    const { commitSeconds, batchBytes, batchRecords, diskReadSeconds } = this.measures;
    const requests = COMMANDS.map((command, at) => ({
      labels: { command },
      histogram: this.latencies.ofCommand[at]!,
    }));
    this.#addHistogram(HISTOGRAMS.requests, requests);
    const others = [
      [HISTOGRAMS.commits, commitSeconds],
      [HISTOGRAMS.batchBytes, batchBytes],
      [HISTOGRAMS.batchRecords, batchRecords],
      [HISTOGRAMS.diskReads, diskReadSeconds],
      [HISTOGRAMS.loopDelay, this.loopDelay],
    ] as const;
    for (const [metric, histogram] of others) {
      this.#addHistogram(metric, [{ labels: {}, histogram }]);
    }
  }

  #addHistogram({ name, help }: HistogramMetric, histograms: readonly Labelled[]): void {
    this.#registry.registerMetric(new FilledHistogram({ name, help, registers: [] }, histograms));
  }

  #watchLoop(): void {
    const dueMs = this.#clock.monotonicMs() + LOOP_DELAY_MS;
    this.#clock.setTimer(LOOP_DELAY_MS, () => {
      this.loopDelay.observe(Math.max(0, this.#clock.monotonicMs() - dueMs) / 1000);
      this.#watchLoop();
    });
  }
}

/** A histogram whose values are counted elsewhere. */
class FilledHistogram extends PromHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #histograms: readonly Labelled[];

  constructor(settings: HistogramConfiguration<string>, histograms: readonly Labelled[]) {
    super(settings);
    this.#name = settings.name;
    this.#help = settings.help;
    this.#histograms = histograms;
  }

  /** Called by the registry when it prints. */
  getForPromString(): Promise<unknown> {
    const name = this.#name;
    const values = this.#histograms.flatMap(({ labels, histogram }) => [
      ...bucketsOf(histogram).map(([le, value]) => ({
        labels: { le, ...labels },
        value,
        metricName: `${name}_bucket`,
      })),
      { labels, value: histogram.sum, metricName: `${name}_sum` },
      { labels, value: histogram.count, metricName: `${name}_count` },
    ]);
    return Promise.resolve({ name, help: this.#help, type: 'histogram', values });
  }
}

/** Returns the counts summed up from bucket to bucket, as Prometheus needs them. */
function bucketsOf({ bounds, counts }: Histogram): (readonly [le: string, count: number])[] {
  let sum = 0;
  return [...bounds, Infinity].map((bound, at) => {
    sum += counts[at]!;
    return [bound === Infinity ? '+Inf' : String(bound), sum] as const;
  });
}
