// Strangers: on a TLS port before any request, and in the middle of values. Neither kind may keep out real clients, hold up
// the loop, or take memory without bound.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';

import { cairnLaunch, ServerProcess } from '../../../tools/torture/server-process.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { Authority, canMakeCertificates } from '../../support/certificates.js';
import { temporaryFolder } from '../../support/servers.js';
import { ms, percentileOf, statsOf, withServer } from '../life.js';
import { megabytes, memoryBytes } from '../machine.js';
import type { FaultRow, Tried } from '../row.js';
import { longestTurnMs, watchLaunch } from '../stalls/loop-probe.js';
import { removeFolder } from '../../support/remove-folder.js';

const TURN_MS_MAX = 50;
const MIB = 1024 * 1024;

async function strangers(port: number, count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => socket.destroy());
      await once(socket, 'connect');
      return socket.resume();
    }),
  );
}

/** Returns the first bytes that a TLS client sends. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  client.on('error', () => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  server.close();
  return hello;
}

/** Connects over TLS, asks, and closes; returns the ms that this took. */
async function askOver(port: number, ca: Buffer): Promise<number> {
  const startedMs = performance.now();
  const options = { port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined };
  const socket = connectTls(options);
  socket.on('error', () => socket.destroy());
  socket.on('secureConnect', () => socket.write('get a\r\n'));
  const [reply] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [unknown];
  socket.destroy();
  if (String(reply) !== 'END\r\n') throw new Error('A client was not served beside strangers');
  return performance.now() - startedMs;
}

export const tlsStrangers: FaultRow = {
  name: 'tls-strangers',
  fault:
    'More strangers than -c on a TLS port: they close, are reset, stay silent, or stop in their handshake',
  required: 'The next client is served, no turn of the loop is over 50 ms',
  injection: '-c 200; 216 sockets for each way, and 190 whole ClientHellos at the same moment',
  try: async () => {
    if (!canMakeCertificates()) return { needs: 'openssl' };
    const folder = temporaryFolder();
    const authority = new Authority(folder, 'ours');
    const { certPath, keyPath } = authority.sign('first', 'server');
    const flags = ['-c', '200', '-Z', '-o', `ssl_chain_cert=${certPath},ssl_key=${keyPath}`];
    const socketPath = join(folder, 'loop.sock');
    const launch = watchLaunch(cairnLaunch(join(folder, 'data'), flags), socketPath);
    const server = await ServerProcess.start(launch);
    try {
      return await meetStrangers(server.port, readFileSync(authority.certPath), socketPath);
    } finally {
      await server.kill();
      removeFolder(folder);
    }
  },
};

async function meetStrangers(port: number, ca: Buffer, socketPath: string): Promise<Tried> {
  const hello = await clientHello();
  const half = hello.subarray(0, hello.length / 2);
  const ways: readonly (readonly [string, number, (socket: Socket) => unknown])[] = [
    ['close', 216, (socket) => socket.end()],
    ['are reset', 216, (socket) => socket.resetAndDestroy()],
    ['are silent', 216, () => undefined],
    ['send half a ClientHello', 216, (socket) => socket.write(half)],
    ['send half a ClientHello and close', 216, (socket) => socket.end(half)],
    ['send something else', 216, (socket) => socket.write('get a\r\n')],
    ['send a ClientHello and no more', 190, (socket) => socket.write(hello)],
  ];
  const failures: string[] = [];
  let [longestMs, waitedMs, tried] = [0, 0, 0];
  await askOver(port, ca);
  for (const [what, count, act] of ways) {
    const sockets = await strangers(port, count);
    await longestTurnMs(socketPath);
    for (const socket of sockets) act(socket);
    waitedMs = Math.max(waitedMs, await askOver(port, ca));
    const turnMs = await longestTurnMs(socketPath);
    if (turnMs > TURN_MS_MAX) failures.push(`${what}: a turn of ${ms(turnMs)}`);
    longestMs = Math.max(longestMs, turnMs);
    tried += count;
    for (const socket of sockets) socket.destroy();
  }
  const figure = `longest turn ${ms(longestMs)}; the next client came in and was answered in ${ms(waitedMs)} at most`;
  return { tried, failures, figure };
}

/** The limit: values on their way in, what the waiting clients have sent, and as much again as the collector may leave. */
const HALF_SENT_BYTES_MAX = 256 * MIB;
/** The time for which the neighbour stores values. The limit for half of the sets allows for the machine's other work. */
const NEIGHBOUR_MS = 3000;
const NEIGHBOUR_MEDIAN_MS_MAX = 100;
/** A set that comes in the same moment as the strangers has to wait until enough of them are dropped. */
const NEIGHBOUR_MS_MAX = 5000;

/** Announces a value of 1 MB, sends half of it, and stops. */
function sendHalf(socket: Socket): void {
  socket.write('set half 0 0 1000000\r\n');
  socket.write(Buffer.alloc(500_000, 'x'));
}

/** Stores a value of 1 MB again and again; returns the ms that each took. */
async function setsOf(client: WireClient, durationMs: number): Promise<number[]> {
  const request = `set own 0 0 1000000\r\n${'y'.repeat(1_000_000)}\r\n`;
  const tookMs: number[] = [];
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs) {
    const startedMs = performance.now();
    const reply = await client.line(request);
    if (reply !== 'STORED') throw new Error(`The neighbour was answered ${reply}`);
    tookMs.push(performance.now() - startedMs);
    await setTimeout(20);
  }
  return tookMs;
}

export const halfSentValues: FaultRow = {
  name: 'half-sent-values',
  fault: 'Hundreds of clients announce a value of 1 MB, send half of it, and stop',
  required:
    'Memory is bounded, they are dropped while others wait, a neighbour stores values of its own without waiting for them',
  injection: '500 sockets; sets of 1 MB beside them',
  try: () =>
    withServer(['-c', '1000', '-m', '8'], async ({ server }) => {
      const count = 500;
      const client = await WireClient.connect(server.port);
      await client.line('set a 0 0 1\r\na\r\n');
      const before = memoryBytes(server.pid, 'VmRSS');
      const sockets = await strangers(server.port, count);
      for (const socket of sockets) sendHalf(socket);
      const tookMs = await setsOf(client, NEIGHBOUR_MS);
      const kicks = (await statsOf(server.port)).get('kv_receipt_kicks') ?? 0;
      const during = memoryBytes(server.pid, 'VmHWM') - before;
      for (const socket of sockets) socket.destroy();
      while (((await statsOf(server.port)).get('read_buf_count') ?? 0) > 0) await setTimeout(20);
      const after = memoryBytes(server.pid, 'VmRSS') - before;
      client.close();
      const [medianMs, p90Ms] = [percentileOf(tookMs, 50), percentileOf(tookMs, 90)];
      const longestMs = Math.max(...tookMs);
      const failures: string[] = [];
      if (kicks === 0) failures.push('nobody was dropped');
      if (medianMs > NEIGHBOUR_MEDIAN_MS_MAX)
        failures.push(`half of the neighbour's sets took ${ms(medianMs)}`);
      if (longestMs > NEIGHBOUR_MS_MAX)
        failures.push(`a set of the neighbour took ${ms(longestMs)}`);
      if (during > HALF_SENT_BYTES_MAX) failures.push(`memory grew by ${megabytes(during)}`);
      const figure =
        `a neighbour's ${tookMs.length} sets of 1 MB took ${ms(medianMs)} (median), ${ms(p90Ms)} (p90), ` +
        `${ms(longestMs)} (longest); memory grew by ${megabytes(during)} at most, ${megabytes(after)} when they had gone`;
      return { tried: count, failures, figure };
    }),
};
