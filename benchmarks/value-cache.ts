// The hit rate of the value cache, on requests that follow Zipf's law. Beside it: an exact LRU of as many bytes,
// which pays only for the entries. Also the time of a get and of a put.
//   node dist/benchmarks/value-cache.js [--keys 1000000] [--requests 4000000] [--megabytes 16,64]

import Table from 'cli-table3';
import { Command } from 'commander';
import { MIB } from '../src/limits.js';
import { ValueCache } from '../src/store/value-cache/value-cache.js';
import { entryBytes } from '../src/store/value-cache/page.js';

const VALUE = Buffer.alloc(4096, 'v');

/** The numbers are the same in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Keys 1..count by popularity^-exponent, mixed so that popular keys are not neighbours. */
function zipfTrace(count: number, requests: number, exponent: number): Uint32Array {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) {
    sum += (rank + 1) ** -exponent;
    sums[rank] = sum;
  }
  const random = randomOf(1);
  const trace = new Uint32Array(requests);
  for (let n = 0; n < requests; n += 1) {
    const aim = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! < aim) low = middle + 1;
      else high = middle;
    }
    trace[n] = 1 + ((low * 7_368_787) % count);
  }
  return trace;
}

/** Returns 10 to 2,000 bytes, small values more often; always the same for a key. */
function valueBytesOf(ref: number): number {
  const share = (Math.imul(ref, 0x9e3779b1) >>> 0) / 2 ** 32;
  return Math.floor(10 + 1990 * share ** 3);
}

/** An exact LRU: a linked list through the keys, whose both ends are 0. */
function runLru(trace: Uint32Array, keys: number, bytesMax: number): number {
  const older = new Uint32Array(keys + 1);
  const newer = new Uint32Array(keys + 1);
  const held = new Uint8Array(keys + 1);
  let bytes = 0;
  let hits = 0;
  const unlink = (ref: number): void => {
    newer[older[ref]!] = newer[ref]!;
    older[newer[ref]!] = older[ref]!;
  };
  for (const ref of trace) {
    if (held[ref] === 1) {
      hits += 1;
      unlink(ref);
    } else {
      held[ref] = 1;
      bytes += entryBytes(valueBytesOf(ref));
    }
    older[ref] = older[0]!;
    newer[ref] = 0;
    newer[older[0]!] = ref;
    older[0] = ref;
    while (bytes > bytesMax) {
      const oldest = newer[0]!;
      unlink(oldest);
      held[oldest] = 0;
      bytes -= entryBytes(valueBytesOf(oldest));
    }
  }
  return hits / trace.length;
}

function runCache(trace: Uint32Array, cache: ValueCache): { hits: number; longestMs: number } {
  let hits = 0;
  let longestMs = 0;
  let before = cpuMs();
  for (const [n, ref] of trace.entries()) {
    if (n % 100 === 0) {
      const now = cpuMs();
      longestMs = Math.max(longestMs, now - before);
      before = now;
    }
    if (cache.get(ref, 1) === undefined) {
      cache.put(ref, 1, 0, 1n, VALUE.subarray(0, valueBytesOf(ref)));
    } else {
      hits += 1;
    }
  }
  return { hits: hits / trace.length, longestMs };
}

/** Times are CPU times of the process, so that other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Returns the mean ns of a get that hits, and of a put into a full cache. */
function timeNs(cache: ValueCache): { get: number; put: number } {
  const count = 300_000;
  const value = VALUE.subarray(0, 100);
  let start = cpuMs();
  for (let n = 1; n <= count; n += 1) cache.put(n, 2, 0, 1n, value);
  const put = ((cpuMs() - start) / count) * 1e6;
  start = cpuMs();
  for (let n = 0; n < count; n += 1) cache.get(count - (n % 1000), 2);
  return { get: ((cpuMs() - start) / count) * 1e6, put };
}

function main(): void {
  const options = new Command()
    .option('--keys <count>', 'different keys', '1000000')
    .option('--requests <count>', 'requests', '4000000')
    .option('--megabytes <sizes>', 'sizes of the cache, with commas', '16,64')
    .parse()
    .opts<{ keys: string; requests: string; megabytes: string }>();
  const table = new Table({
    head: ['MiB', 'zipf', 'hits', 'hits exact LRU', 'get ns', 'put ns', 'longest 100 ms'],
    style: { head: [], border: [] },
  });
  for (const exponent of [0.8, 0.99, 1.2]) {
    const keys = Number(options.keys);
    const trace = zipfTrace(keys, Number(options.requests), exponent);
    for (const megabytes of options.megabytes.split(',').map(Number)) {
      const cache = new ValueCache(megabytes * MIB);
      const { hits, longestMs } = runCache(trace, cache);
      const { get, put } = timeNs(cache);
      table.push([
        megabytes,
        exponent,
        `${(hits * 100).toFixed(1)} %`,
        `${(runLru(trace, keys, megabytes * MIB) * 100).toFixed(1)} %`,
        get.toFixed(0),
        put.toFixed(0),
        longestMs.toFixed(2),
      ]);
    }
  }
  process.stdout.write(`${table.toString()}\n`);
}

main();
