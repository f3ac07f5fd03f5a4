// The requests that the operations of the stall table send: long streams, on one connection or many.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LOT = 1000;

export const keyOf = (n: number): string => `k${String(n).padStart(9, '0')}`;

/** Sends everything without waiting for replies, and resolves when the last reply has come. */
export async function pour(port: number, lots: Iterable<string | Buffer>): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  let end = '';
  const done = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      end = (end + chunk.toString('latin1', Math.max(0, chunk.length - 8))).slice(-8);
      if (end.endsWith('MN\r\n')) resolve();
    });
    socket.on('close', () => reject(new Error('The connection was closed')));
  });
  done.catch(() => undefined);
  for (const lot of lots) {
    if (!socket.write(lot) && !socket.destroyed) {
      await Promise.race([once(socket, 'drain'), done]);
    }
  }
  socket.write('mn\r\n');
  await done;
  socket.destroy();
}

/** Returns `count` requests, made from their numbers, in lots. */
export function* requests(count: number, requestOf: (n: number) => string): Generator<string> {
  for (let from = 0; from < count; from += LOT) {
    const lot = Math.min(LOT, count - from);
    yield Array.from({ length: lot }, (_, i) => requestOf(from + i)).join('');
  }
}

/** Returns a set for each of `count` keys, with a value of `bytes`. */
export function sets(count: number, bytes: number, exptime = 0): Generator<string> {
  const value = 'v'.repeat(bytes);
  return requests(count, (n) => `set ${keyOf(n)} 0 ${exptime} ${bytes} noreply\r\n${value}\r\n`);
}

/** Returns one value of that size, in pieces. */
export function* bigSet(key: string, bytes: number): Generator<string | Buffer> {
  const piece = Buffer.alloc(1024 * 1024, 'v');
  yield `set ${key} 0 0 ${bytes}\r\n`;
  for (let left = bytes; left > 0; left -= piece.length) {
    yield left < piece.length ? piece.subarray(0, left) : piece;
  }
  yield '\r\n';
}

/** Sends the same from that many connections at once. */
export async function pourFrom(
  port: number,
  connections: number,
  lotsOf: (connection: number) => Iterable<string | Buffer>,
): Promise<void> {
  await Promise.all(Array.from({ length: connections }, (_, n) => pour(port, lotsOf(n))));
}

/** Opens that many connections, each of which is answered once. */
export async function connections(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const lot = Array.from({ length: Math.min(200, count - sockets.length) }, async () => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => socket.destroy());
      await once(socket, 'connect');
      socket.write('mn\r\n');
      await once(socket, 'data');
      return socket;
    });
    sockets.push(...(await Promise.all(lot)));
  }
  return sockets;
}
