// 10,000 connections that have become idle: the memory of each, and their cost to the others. The load is an open
// loop, so that every pause shows in the p99.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Bench, Case, CaseResult, Running } from '../bench.js';
import { budget, findPeers } from '../figure-case.js';
import type { LoadSpec } from '../load/spec.js';
import { CAIRN, MEMCACHED, REDIS } from '../peers/catalog.js';
import { alternate, compare, rowsOf, sampleOf, type Contender } from '../rounds.js';

const CONNECTION_BYTES_MAX = 12 * 1024;
const OPENED_AT_ONCE = 200;
const UNIT = 'B a connection';
const KEY_COUNT = 10_000;
const LOAD: Partial<LoadSpec> = { mode: 'open', ratePerSecond: 2000, keyCount: KEY_COUNT };
const WITH_IDLE = 'cairn with idle ones';
/** The p99 of two equal servers differs by up to this factor from run to run. */
const UNCHANGED_MAX = 1.25;

/** Opens a connection and has one request answered on it, like a connection of a pool. */
async function openOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', reject);
    // Both protocols read it as a line, and answer that the key does not exist.
    socket.write('get nothing\r\n');
    socket.once('data', () => resolve(socket));
  });
}

async function openIdle(port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: OPENED_AT_ONCE }, async () => openOne(port));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

/** Resolves when the descriptor is free, because the next server's connections need it. */
async function closed(socket: Socket): Promise<void> {
  socket.destroy();
  if (!socket.closed) await once(socket, 'close');
}

async function run(bench: Bench): Promise<CaseResult> {
  const test = IDLE.name;
  const count = bench.sizes.isQuick ? 2000 : 10_000;
  // Cairn comes last: its idle connections stay open, and this process may open only a limited number of files.
  const { present, missing } = findPeers(test, [MEMCACHED, REDIS, CAIRN]);
  const idle: Socket[] = [];
  const contenders: Contender[] = [];
  const load = (server: string, running: Running): Contender => ({
    server,
    unit: 'GET, 2000/s due',
    measure: async (round) => sampleOf(await bench.load(running, { ...LOAD, seed: round + 1 })),
  });
  try {
    const memory: Contender[] = [];
    for (const peer of present) {
      const running = await bench.start(peer);
      await bench.fill(running, KEY_COUNT, 100);
      const before = running.process.residentBytes();
      idle.push(...(await openIdle(running.process.port, count)));
      const value = (running.process.residentBytes() - before) / count;
      memory.push({ server: peer.name, unit: UNIT, measure: async () => ({ value }) });
      if (peer !== CAIRN) {
        await Promise.all(idle.splice(-count).map(closed));
        continue;
      }
      const other = await bench.start(peer);
      await bench.fill(other, KEY_COUNT, 100);
      contenders.push(load('cairn without', other), load(WITH_IDLE, running));
    }
    const loadRounds = await alternate(contenders, bench.sizes.rounds, (line) =>
      bench.progress(line),
    );
    const figures = [...memory, budget(CONNECTION_BYTES_MAX, UNIT)];
    const memoryRounds = await alternate(figures, 1);
    const lighter = { server: 'cairn', against: 'budget', atMost: 1 };
    const unchanged = { server: WITH_IDLE, against: 'cairn without', atMost: UNCHANGED_MAX };
    return {
      rows: [
        ...rowsOf(test, figures, memoryRounds),
        ...rowsOf(test, contenders, loadRounds),
        ...missing,
      ],
      comparisons: [
        compare(test, { metric: 'value', ...lighter }, memoryRounds),
        compare(test, { metric: 'p99Ms', ...unchanged }, loadRounds),
      ],
    };
  } finally {
    for (const socket of idle) socket.destroy();
  }
}

export const IDLE: Case = {
  name: 'IDLE',
  title: '10,000 idle connections (quick: 2,000): memory, and the p99 of others',
  run,
};
