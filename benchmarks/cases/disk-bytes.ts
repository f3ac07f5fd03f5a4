// The bytes that a durable SET writes, for each byte of records (key and value), without and with compaction, beside
// Redis. Three counters: the bytes that the process gave to the system (`wchar`, replies included), the bytes that
// the system charged to it (`write_bytes`, whole pages), and the bytes that the device took, from all processes. The
// case measures until the process is quiet, because work that begins after the load is part of its price.

import { readFileSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Bench, Case, CaseResult, Running } from '../bench.js';
import { budget, findPeers } from '../figure-case.js';
import type { Entrant } from '../load-case.js';
import { KEY_BYTES } from '../load/requests.js';
import { CAIRN, REDIS } from '../peers/catalog.js';
import { alternate, compare, rowsOf, type Contender } from '../rounds.js';

const VALUE_BYTES = 100;
const SECTOR_BYTES = 512;
const UNIT = 'B a byte of records';
const BYTES_MAX = 1.5;
/** Each key is written this many times: with compaction three quarters of the log are dead. */
const PASSES = 4;
/**
 * The process is quiet when it writes nothing for this long. A seal, a hint and the next look for work to compact
 * come sooner.
 */
const QUIET_MS = 7000;
const QUIET_MS_QUICK = 1500;
const QUIET_TIMEOUT_MS = 60_000;
const LOOK_MS = 250;
const COMPACTING = 'cairn, compacting';
const SEGMENTS = ['-I', '512k', '--segment-size', '16m', '--snapshot', 'never'];
const ENTRANTS: readonly Entrant[] = [
  { peer: CAIRN, settings: { flags: [...SEGMENTS, '--compact-min', '1000g'] } },
  { peer: CAIRN, server: COMPACTING, settings: { flags: [...SEGMENTS, '--compact-min', '1m'] } },
  { peer: REDIS },
];

interface Written {
  readonly wchar: number;
  readonly account: number;
  /** Undefined when the directory is on no device of its own (overlay, network). */
  readonly device: number | undefined;
}

/** Returns the bytes that a device took so far, from /proc/diskstats; undefined when the device is not listed. */
export function deviceBytes(diskstats: string, dev: number): number | undefined {
  // The kernel packs the numbers for stat in this way: 8 bits of the minor below the major, the rest of the minor
  // above it.
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  for (const line of diskstats.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[0]) !== major || Number(fields[1]) !== minor) continue;
    return Number(fields[9]) * SECTOR_BYTES;
  }
  return undefined;
}

function writtenBy({ process }: Running): Written {
  const io = readFileSync(`/proc/${process.pid}/io`, 'latin1');
  const counter = (name: string): number =>
    Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1] ?? NaN);
  return {
    wchar: counter('wchar'),
    account: counter('write_bytes'),
    device: deviceBytes(readFileSync('/proc/diskstats', 'latin1'), statSync(process.dir).dev),
  };
}

async function untilQuiet(running: Running, quietMs: number): Promise<Written> {
  const deadline = performance.now() + QUIET_TIMEOUT_MS;
  let written = writtenBy(running);
  let since = performance.now();
  while (performance.now() - since < quietMs && performance.now() < deadline) {
    await setTimeout(LOOK_MS);
    const now = writtenBy(running);
    if (now.account !== written.account) since = performance.now();
    written = now;
  }
  return written;
}

async function measure(bench: Bench, { peer, settings }: Entrant): Promise<Written> {
  const keyCount = bench.sizes.isQuick ? 10_000 : 200_000;
  const recordBytes = PASSES * keyCount * (KEY_BYTES + VALUE_BYTES);
  const running = await bench.start(peer, settings);
  const before = writtenBy(running);
  for (let pass = 0; pass < PASSES; pass++) {
    const fill = { mode: 'fill', keyCount, valueBytes: VALUE_BYTES, readRatio: 0 } as const;
    await bench.load(running, fill);
  }
  const after = await untilQuiet(running, bench.sizes.isQuick ? QUIET_MS_QUICK : QUIET_MS);
  await bench.stop(running);
  return {
    wchar: (after.wchar - before.wchar) / recordBytes,
    account: (after.account - before.account) / recordBytes,
    device:
      after.device === undefined || before.device === undefined
        ? undefined
        : (after.device - before.device) / recordBytes,
  };
}

const COUNTERS = ['wchar', 'account', 'device'] as const;

async function run(bench: Bench): Promise<CaseResult> {
  const test = DISK_BYTES.name;
  const { present, missing } = findPeers(test, [CAIRN, REDIS]);
  const figures: Contender[] = [];
  for (const entrant of ENTRANTS.filter(({ peer }) => present.includes(peer))) {
    const server = entrant.server ?? entrant.peer.name;
    bench.progress(`counting what ${server} writes`);
    const written = await measure(bench, entrant);
    for (const counter of COUNTERS) {
      const value = written[counter];
      if (value === undefined) continue;
      figures.push({
        server: `${server}: ${counter}`,
        unit: UNIT,
        measure: async () => ({ value }),
      });
    }
  }
  const all = [...figures, budget(BYTES_MAX, UNIT)];
  const rounds = await alternate(all, 1);
  const ratio = (server: string, against: string, counter: string) =>
    compare(
      test,
      { metric: 'value', server: `${server}: ${counter}`, against: `${against}: ${counter}` },
      rounds,
    );
  const bound = { metric: 'value', against: 'budget', atMost: 1 } as const;
  return {
    rows: [...rowsOf(test, all, rounds), ...missing],
    comparisons: [
      ...COUNTERS.map((counter) =>
        compare(test, { ...bound, server: `${CAIRN.name}: ${counter}` }, rounds),
      ),
      ...COUNTERS.map((counter) => ratio(CAIRN.name, REDIS.name, counter)),
      ratio(COMPACTING, REDIS.name, 'wchar'),
    ],
  };
}

export const DISK_BYTES: Case = {
  name: 'DISK BYTES',
  title: 'bytes written for each byte of records: durable SET of 100 bytes, 50 connections',
  run,
};
