// Clients that hold connections without progress, never read, flood, or come by the thousand. The other clients are
// served, memory is bounded, and each bad client is closed or gets the reason.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

import { WireClient } from '../../../tools/torture/wire-client.js';
import { megabytes, memoryBytes, run } from '../machine.js';
import { ms, percentileOf, statsOf, withServer } from '../life.js';
import type { Budget, FaultRow, Tried } from '../row.js';

const KIB = 1024;
/** The memory of a connection that trickles: two socket objects, a parser, a small buffer. */
const TRICKLER_BYTES_MAX = 64 * KIB;

/** Opens a connection whose end is expected and whose replies nobody reads. */
async function rawSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function rawSockets(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const lot = Math.min(200, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: lot }, () => rawSocket(port)))));
  }
  return sockets;
}

/** Returns how long a well-behaved neighbour waits for each of `count` pairs of set and get, in ms. */
async function neighbour(port: number, count: number): Promise<number[]> {
  const client = await WireClient.connect(port);
  const took: number[] = [];
  for (let n = 0; n < count; n++) {
    const startedMs = performance.now();
    await client.line(`set neighbour 0 0 5\r\n${String(n).padStart(5)}\r\n`);
    await client.meta('mg neighbour v\r\n');
    took.push(performance.now() - startedMs);
    await setTimeout(2);
  }
  client.close();
  return took;
}

const p99 = (values: readonly number[]): string => ms(percentileOf(values, 99));

export const slowloris: FaultRow = {
  name: 'slowloris',
  fault: 'Many clients trickle half a command or half a value',
  required:
    'Neighbours are served, the memory of a connection is bounded, and --stall-timeout frees them all',
  injection: 'sockets that send a byte every 300 ms',
  try: ({ tier }) =>
    withServer(['-c', '4000', '--stall-timeout', '3s'], async ({ server }) => {
      const count = tier === 'fast' ? 1000 : 3000;
      const alone = await neighbour(server.port, 100);
      const before = memoryBytes(server.pid, 'VmRSS');
      const sockets = await rawSockets(server.port, count);
      for (const [i, socket] of sockets.entries()) {
        socket.resume().write(i % 2 === 0 ? 'set k' : 'set k 0 0 9000\r\nx');
      }
      const trickle = setInterval(() => {
        for (const socket of sockets) if (!socket.destroyed) socket.write('x');
      }, 300);
      const beside = await neighbour(server.port, 100);
      const bytesEach = (memoryBytes(server.pid, 'VmHWM') - before) / count;
      const deadlineMs = performance.now() + 15_000;
      while (performance.now() < deadlineMs && sockets.some(({ destroyed }) => !destroyed)) {
        await setTimeout(100);
      }
      clearInterval(trickle);
      const left = sockets.filter(({ destroyed }) => !destroyed).length;
      for (const socket of sockets) socket.destroy();
      const failures: string[] = [];
      if (left > 0) failures.push(`${left} of ${count} were not ended`);
      if (bytesEach > TRICKLER_BYTES_MAX) failures.push(`${bytesEach} bytes per connection`);
      const figure =
        `neighbour's p99 ${p99(alone)} before, ${p99(beside)} beside them; ` +
        `${(bytesEach / KIB).toFixed(1)} KB per connection; all ended by the deadline`;
      return { tried: count, failures, figure };
    }),
};

/** The limit for output that a client does not read, without the kernel's part, and for a value that is being read. */
const UNREAD_BYTES_MAX = 4 * 1024 * KIB;

export const neverReads: FaultRow = {
  name: 'never-reads',
  fault: 'Clients ask for big values, pipelined, and never read',
  required:
    'The memory of a connection is bounded, neighbours are served, and the time limit ends these clients',
  injection: 'sockets that are not read from',
  try: ({ tier }) =>
    withServer(['--stall-timeout', '4s', '-m', '64'], async ({ server }) => {
      const count = tier === 'fast' ? 20 : 200;
      const client = await WireClient.connect(server.port);
      const value = 'v'.repeat(900 * KIB);
      await client.line(`set big 0 0 ${value.length}\r\n${value}\r\n`);
      await client.meta('mg big\r\n');
      const before = memoryBytes(server.pid, 'VmRSS');
      const sockets = await rawSockets(server.port, count);
      for (const socket of sockets) socket.pause().write('get big\r\n'.repeat(2000));
      const beside = await neighbour(server.port, 100);
      const bytesEach = (memoryBytes(server.pid, 'VmHWM') - before) / count;
      const deadlineMs = performance.now() + 20_000;
      const kicked = async (): Promise<number> =>
        (await statsOf(server.port)).get('kv_stall_kicks') ?? 0;
      while (performance.now() < deadlineMs && (await kicked()) < count) await setTimeout(200);
      const ended = await kicked();
      for (const socket of sockets) socket.destroy();
      client.close();
      const failures: string[] = [];
      if (ended !== count) failures.push(`${ended} of ${count} were ended`);
      if (bytesEach > UNREAD_BYTES_MAX) failures.push(`${megabytes(bytesEach)} per connection`);
      const figure =
        `${megabytes(bytesEach)} per connection at most, of ${megabytes(2000 * value.length)} asked for; ` +
        `neighbour's p99 ${p99(beside)}; all ended by the deadline`;
      return { tried: count, failures, figure };
    }),
};

/** The flood's limit: unsynced bytes are held below 8 MiB; the rest are variations of the heap and the buffers. */
const FLOOD_BYTES_MAX = 160 * 1024 * KIB;

export const flood: FaultRow = {
  name: 'pipelined-flood',
  fault: 'One client pipelines sets without ever waiting',
  required: 'All are answered, memory and the queue are bounded, others have their turn',
  injection: '10^5 sets at once (long tier: 10^6)',
  try: (budget) => withServer([], ({ server }) => floodServer(server, budget)),
};

async function floodServer(
  server: { readonly port: number; readonly pid: number },
  { tier }: Budget,
): Promise<Tried> {
  const count = tier === 'fast' ? 100_000 : 1_000_000;
  const alone = await neighbour(server.port, 100);
  const before = memoryBytes(server.pid, 'VmRSS');
  const socket = await rawSocket(server.port);
  const answered = (): number => socket.bytesRead / 'STORED\r\n'.length;
  socket.resume();
  const startedMs = performance.now();
  const value = 'v'.repeat(100);
  for (let n = 0; n < count; n += 1000) {
    const lot = Array.from({ length: 1000 }, (_, i) => `set f${n + i} 0 0 100\r\n${value}\r\n`);
    socket.write(lot.join(''));
  }
  let peakQueue = 0;
  const beside: number[] = [];
  while (answered() < count && performance.now() - startedMs < 120_000) {
    beside.push(...(await neighbour(server.port, 20)));
    peakQueue = Math.max(peakQueue, (await statsOf(server.port)).get('kv_watermark_lag') ?? 0);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  socket.destroy();
  const grown = memoryBytes(server.pid, 'VmHWM') - before;
  const failures: string[] = [];
  if (answered() < count) failures.push(`${answered()} of ${count} answered`);
  // A stored item has its place in the keydir and, as a hot value, in the cache. A background thread makes hints of full
  // segments, and it holds all the keys of one.
  const bound = FLOOD_BYTES_MAX + count * 128;
  if (grown > bound) failures.push(`memory grew by ${megabytes(grown)}`);
  const figure =
    `${count.toLocaleString('en')} sets in ${seconds.toFixed(1)} s; neighbour's p99 ${p99(alone)} before, ` +
    `${p99(beside)} beside it; at most ${peakQueue} records unsynced; memory grew by ${megabytes(grown)}`;
  return { tried: count, failures, figure };
}

/** A connection without its part in the keydir and the kernel: a socket, a connection, a parser, reply buffers. */
const CONNECTION_BYTES_MAX = 48 * KIB;

export const manyConnections: FaultRow = {
  name: 'many-connections',
  fault: 'Thousands of connections at once, more than -c allows',
  required: 'Each one up to -c is answered; those above get an error that says why',
  injection: '2,000 sockets (long tier: 10,000), and 50 too many',
  try: ({ tier }) => {
    // Both ends of each connection are descriptors of this machine, and the long tier is limited by its hard limit.
    const count = Math.min(tier === 'fast' ? 2000 : 10_000, descriptorsMax() - 500);
    return withServer(['-c', `${count + 1}`], async ({ server }) => {
      const probe = await WireClient.connect(server.port);
      await probe.line('set k 0 0 1\r\nv\r\n');
      const before = memoryBytes(server.pid, 'VmRSS');
      const sockets = await rawSockets(server.port, count);
      const answered = await Promise.all(sockets.map((socket) => firstAnswer(socket, 'get k\r\n')));
      const bytesEach = (memoryBytes(server.pid, 'VmRSS') - before) / count;
      const more = await Promise.all(
        Array.from({ length: 50 }, async () => firstAnswer(await rawSocket(server.port), '')),
      );
      for (const socket of sockets) socket.destroy();
      probe.close();
      const right = answered.filter((text) => text === 'VALUE k 0 1\r\nv\r\nEND\r\n').length;
      const told = more.filter((text) => text === 'ERROR Too many open connections\r\n').length;
      const failures: string[] = [];
      if (right !== count) failures.push(`${right} of ${count} answered`);
      // The server closes connections beyond 16 that are being refused at a time, without an answer (server.ts).
      if (more.some((text) => text.includes('VALUE'))) failures.push('one too many was served');
      if (told === 0) failures.push('nobody got the error that there are too many');
      if (bytesEach > CONNECTION_BYTES_MAX) failures.push(`${bytesEach} bytes per connection`);
      const figure =
        `${right.toLocaleString('en')} answered, ${(bytesEach / KIB).toFixed(1)} KB per connection; ` +
        `of 50 above -c ${told} got an error that says why, ${more.length - told} dropped`;
      return { tried: count + more.length, failures, figure };
    });
  },
};

function descriptorsMax(): number {
  return Number(run('sh', ['-c', 'ulimit -n']).trim());
}

/** Sends a request; returns what comes back, until that ends with a line or the connection is closed. */
async function firstAnswer(socket: Socket, request: string): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  if (request !== '') socket.write(request);
  return new Promise((resolve) => {
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('END\r\n') || text.startsWith('ERROR')) resolve(text);
    });
    socket.on('close', () => resolve(text));
  });
}
