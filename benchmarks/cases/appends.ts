// Appends to one item that becomes long, one after the other on one connection: the cost of an append while the item
// grows. Redis logs only the piece, Cairn the whole value (docs/decisions/0077-no-record-for-append.md).

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Bench, Case, CaseResult } from '../bench.js';
import { findPeers } from '../figure-case.js';
import type { Protocol } from '../load/spec.js';
import { CAIRN, MEMCACHED, REDIS } from '../peers/catalog.js';
import type { Peer } from '../peers/peer.js';
import { alternate, compare, rowsOf, type Contender } from '../rounds.js';

const PIECE = 'some text';
const UNIT = 'appends/s';

interface Dialect {
  readonly empty: string;
  readonly append: string;
}

const MEMCACHED_DIALECT: Dialect = {
  empty: 'set long 0 0 0\r\n\r\n',
  append: `append long 0 0 ${PIECE.length}\r\n${PIECE}\r\n`,
};
const DIALECTS: Partial<Record<Protocol, Dialect>> = {
  memcached: MEMCACHED_DIALECT,
  redis: { empty: 'DEL long\r\n', append: `APPEND long "${PIECE}"\r\n` },
};

/** Sends a request whose reply is one line, and waits for the line. Rejects when the server answers with an error. */
async function ask(socket: Socket, request: string): Promise<void> {
  socket.write(request);
  let reply = '';
  while (!reply.endsWith('\n')) reply += String((await once(socket, 'data'))[0]);
  if (/^-|ERROR/.test(reply)) throw new Error(`an append was refused: ${reply.trim()}`);
}

/** Returns appends per second, beginning with an empty item. */
async function appendsPerSecond(port: number, peer: Peer, count: number): Promise<number> {
  const { empty, append } = DIALECTS[peer.protocol] ?? MEMCACHED_DIALECT;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  await ask(socket, empty);
  const startMs = performance.now();
  for (let done = 0; done < count; done += 1) await ask(socket, append);
  const seconds = (performance.now() - startMs) / 1000;
  socket.destroy();
  return count / seconds;
}

async function run(bench: Bench): Promise<CaseResult> {
  const test = APPENDS.name;
  const count = bench.sizes.isQuick ? 1600 : 16_000;
  const { present, missing } = findPeers(test, [CAIRN, REDIS, MEMCACHED]);
  const contenders: Contender[] = [];
  for (const peer of bench.before === undefined ? present : [...present, bench.before]) {
    const running = await bench.start(peer);
    const measure = async () => ({
      value: await appendsPerSecond(running.process.port, peer, count),
    });
    contenders.push({ server: peer.name, unit: UNIT, measure });
  }
  const rounds = await alternate(contenders, 3, (line) => bench.progress(line));
  const against = (peer: Peer) =>
    compare(test, { metric: 'value', server: CAIRN.name, against: peer.name }, rounds);
  return {
    rows: [...rowsOf(test, contenders, rounds), ...missing],
    comparisons: [against(REDIS), against(MEMCACHED)],
  };
}

export const APPENDS: Case = {
  name: 'APPENDS',
  title: '16,000 appends of 9 bytes to one item, 1 connection (quick: 1,600)',
  run,
};
