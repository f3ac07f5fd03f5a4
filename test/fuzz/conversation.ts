// One connection for one stream of bytes, whatever they mean; and a check whether the server still serves other clients.

import { connect } from 'node:net';

import { packet, setExtras } from '../support/binary-packets.js';

/** Only a server that hangs is silent for so long. */
const SILENCE_MS = 30_000;

/** Sends one piece per turn, then closes; returns everything that came back. Rejects when the server hangs. */
export function converse(port: number, chunks: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    socket.setTimeout(SILENCE_MS, () => {
      socket.destroy();
      reject(new Error('The server neither answers nor closes'));
    });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (reply += text));
    // A server that closed before it had read everything resets; a refused connection shows as a wrong reply.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve(reply));
    let next = 0;
    const step = (): void => {
      const chunk = chunks[next++];
      if (chunk === undefined) socket.end();
      else if (!socket.destroyed) socket.write(chunk, () => setImmediate(step));
    };
    socket.on('connect', step);
  });
}

/** Stores and reads back over a new connection for each protocol. Returns the requests with wrong answers. */
export async function notServed(port: number): Promise<string[]> {
  const extras = setExtras(0, 0);
  const binary = [packet(0x01, { key: 'fz', value: 'three', extras }), packet(0x0c, { key: 'fz' })];
  const text = await converse(port, [Buffer.from('set fz 0 0 3\r\none\r\nget fz\r\n')]);
  const meta = await converse(port, [Buffer.from('ms fz 3\r\ntwo\r\nmg fz v\r\n')]);
  const packets = await converse(port, binary);
  const wrong: string[] = [];
  if (text !== 'STORED\r\nVALUE fz 0 3\r\none\r\nEND\r\n') wrong.push(`text: ${text}`);
  if (meta !== 'HD\r\nVA 3\r\ntwo\r\n') wrong.push(`meta: ${meta}`);
  if (!packets.endsWith('fzthree')) wrong.push(`binary: ${packets}`);
  return wrong;
}
