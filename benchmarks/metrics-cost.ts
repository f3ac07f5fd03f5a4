// The cost of metrics per request: the server's own work from the arrival of the bytes to the hand-over of the reply,
// without and with latencies, in turns in one process. There is no socket and no disk in between: their spread would
// hide so small a cost.
//   node dist/benchmarks/metrics-cost.js [--rounds 41] [--turns 400]
// For its share of a whole request, divide it by the CPU time that the bench shows for one (benchmarks/README.md).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

import Table from 'cli-table3';
import { Command } from 'commander';
import { readConfig } from '../src/config/config.js';
import { nodeEnv } from '../src/env/node-env.js';
import { DEFAULT_PARSER_OPTIONS } from '../src/protocol/parser.js';
import { Connection } from '../src/server/connection.js';
import { newCounters } from '../src/server/counters.js';
import { Gate } from '../src/server/gate.js';
import { Latencies } from '../src/server/latencies.js';
import { Receipts } from '../src/server/receipts.js';
import type { ServerControl, Services } from '../src/server/session.js';
import { Slices } from '../src/server/slices.js';
import { PrefixStats } from '../src/server/stats/detail.js';
import { Trace } from '../src/server/trace.js';
import { Turns } from '../src/server/turns.js';
import { Watchers } from '../src/server/watchers.js';
import { openStore } from '../src/store/open-store.js';
import type { Store } from '../src/store/store.js';
import { toolLogger } from '../tools/terminal/logger.js';

const KEYS = 500;
const CONNECTIONS = 50;
const VALUE = Buffer.alloc(100, 'v');
/** The numbers of requests that come in one piece. */
const PIPELINES = [1, 16];

/** A socket that takes everything at once. */
class Sink extends Duplex {
  override _read(): void {}
  override write(): boolean {
    return true;
  }
}

function servicesOf(store: Store, latencies: Latencies | undefined): Services {
  const config = readConfig(['-p', '-1'], {}, '0.0.0');
  if ('code' in config) throw new Error(config.stderr);
  const { clock, logger } = nodeEnv(toolLogger('metrics-cost'));
  const counters = newCounters();
  const receipts = (): Receipts =>
    new Receipts(
      { claimsMax: 2 ** 26, reserveMax: 0, waitingMax: 2 ** 26 },
      clock,
      () => undefined,
    );
  return {
    config,
    store,
    gate: new Gate(store.durability),
    counters,
    clock,
    logger,
    control: {} as ServerControl,
    version: '0.0.0',
    detail: new PrefixStats(':'),
    turns: new Turns(clock),
    latencies,
    httpUrl: undefined,
    trace: new Trace(0, logger),
    watchers: new Watchers(counters, () => store.nowMs(), clock.defer.bind(clock)),
    logins: undefined,
    receipts: receipts(),
    uploads: receipts(),
    slices: new Slices(clock.defer.bind(clock)),
  };
}

function connectAll(services: Services): Connection[] {
  const owner = { spoke: () => undefined, gone: () => undefined };
  return Array.from({ length: CONNECTIONS }, (_, id) => {
    const socket = new Sink() as unknown as Socket;
    return new Connection(id, socket, DEFAULT_PARSER_OPTIONS, services, 'none', owner);
  });
}

function keyOf(number: number): string {
  return `key:${String(number % KEYS).padStart(16, '0')}`;
}

function pieces(pipeline: number): Buffer[] {
  return Array.from({ length: KEYS }, (_, first) =>
    Buffer.from(
      Array.from({ length: pipeline }, (__, at) => `get ${keyOf(first + at)}\r\n`).join(''),
    ),
  );
}

/**
 * Returns ns per request. Each connection gets one piece per turn of the loop, and only the work on the pieces is
 * timed.
 */
async function measure(
  connections: readonly Connection[],
  input: readonly Buffer[],
  turns: number,
): Promise<number> {
  let ns = 0n;
  for (let turn = 0; turn < turns; turn += 1) {
    const start = process.hrtime.bigint();
    for (let at = 0; at < connections.length; at += 1) {
      const piece = input[(turn + at * 7) % KEYS]!;
      connections[at]!.receive(piece, piece.length);
    }
    ns += process.hrtime.bigint() - start;
    await nextTurn();
  }
  return Number(ns) / (turns * connections.length);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function main(): Promise<void> {
  const program = new Command('metrics-cost')
    .option('--rounds <n>', 'pairs of rounds', Number, 41)
    .option('--turns <n>', 'turns of a round, with a piece for each connection', Number, 400)
    .parse();
  const { rounds, turns } = program.opts<{ rounds: number; turns: number }>();
  const env = nodeEnv(toolLogger('metrics-cost'));
  const dir = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const store = await openStore(env, dir);
  for (let at = 0; at < KEYS; at += 1) {
    await store.put({
      mode: 'set',
      key: Buffer.from(keyOf(at)),
      value: VALUE,
      flags: 0,
      expiresAt: 0,
    });
  }
  while (store.durability.watermark < store.durability.lastSeq) await nextTurn();
  const plain = connectAll(servicesOf(store, undefined));
  const timed = connectAll(servicesOf(store, new Latencies(env.clock)));
  const table = new Table({ head: ['get, in one piece', 'ns without', 'ns with', 'difference'] });
  for (const pipeline of PIPELINES) {
    const input = pieces(pipeline);
    const without: number[] = [];
    const more: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const ns = (await measure(plain, input, turns)) / pipeline;
      const nsTimed = (await measure(timed, input, turns)) / pipeline;
      // The first rounds are not counted, because the code is compiled during them.
      if (round < rounds / 4) continue;
      without.push(ns);
      more.push(nsTimed - ns);
    }
    const base = median(without);
    const difference = median(more);
    table.push([pipeline, ...[base, base + difference, difference].map((ns) => ns.toFixed(0))]);
  }
  process.stdout.write(`${table.toString()}\n`);
  await store.close();
  rmSync(dir, { recursive: true, force: true });
}

await main();
