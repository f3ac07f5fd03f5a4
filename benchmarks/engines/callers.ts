// The callers in the process of a bare client. Each makes a request, and the next one when it has the answer, like
// the connections of the load generator (benchmarks/load/generator.ts). Latency counts from the request to the
// answer.

import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { LatencyHistogram } from '../load/histogram.js';
import { seededRandom, sequentialKeys, uniformKeys } from '../load/keys.js';
import { keyName, valueOf } from '../load/requests.js';
import type { LoadResult } from '../load/spec.js';
import type { EngineClient, EngineSpec } from './spec.js';

export class Callers {
  readonly #spec: EngineSpec;
  readonly #client: EngineClient;
  readonly #latency = new LatencyHistogram();
  readonly #value: Buffer | undefined;
  readonly #nextKey: () => number;
  #left: number;
  #out = 0;
  #misses = 0;
  #isStopped = false;
  #whenDone: () => void = () => {};

  constructor(spec: EngineSpec, client: EngineClient) {
    this.#spec = spec;
    this.#client = client;
    this.#value = spec.isRead ? undefined : valueOf(spec.valueBytes);
    this.#nextKey = spec.fills
      ? sequentialKeys()
      : uniformKeys(spec.keyCount, seededRandom(spec.seed));
    this.#left = spec.fills ? spec.keyCount : Infinity;
  }

  /** Resolves when all requests are answered. */
  async run(): Promise<LoadResult> {
    const { callers, fills, warmupMs, durationMs } = this.#spec;
    const done = new Promise<void>((resolve) => {
      this.#whenDone = resolve;
    });
    let mark = this.#mark();
    for (let caller = 0; caller < callers; caller += 1) this.#ask();
    if (fills) {
      await done;
      return this.#result(mark);
    }
    await setTimeout(warmupMs);
    mark = this.#mark();
    await setTimeout(durationMs);
    const result = this.#result(mark);
    this.#isStopped = true;
    await done;
    return result;
  }

  #ask(): void {
    if (this.#isStopped || this.#left === 0) {
      if (this.#out === 0) this.#whenDone();
      return;
    }
    this.#left -= 1;
    this.#out += 1;
    const since = performance.now();
    this.#client.ask({
      key: Buffer.from(keyName(this.#nextKey())),
      value: this.#value,
      settle: (found) => {
        this.#latency.record(performance.now() - since);
        if (!found) this.#misses += 1;
        this.#out -= 1;
        this.#ask();
      },
    });
  }

  #mark(): { readonly at: number; readonly cpu: NodeJS.CpuUsage } {
    this.#latency.reset();
    this.#misses = 0;
    return { at: performance.now(), cpu: process.cpuUsage() };
  }

  #result(mark: { readonly at: number; readonly cpu: NodeJS.CpuUsage }): LoadResult {
    const seconds = (performance.now() - mark.at) / 1000;
    const { user, system } = process.cpuUsage(mark.cpu);
    const requests = this.#latency.count;
    const perRequest = (us: number): number => us / Math.max(1, requests);
    return {
      ...this.#latency.summary(),
      requests,
      misses: this.#misses,
      errors: 0,
      seconds,
      rps: requests / seconds,
      // The client takes the place of Cairn's server here: both talk to the engine.
      serverCpuUsPerRequest: perRequest(user + system),
      serverUserUsPerRequest: perRequest(user),
      generatorBusy: (user + system) / 1e6 / seconds,
    };
  }
}
