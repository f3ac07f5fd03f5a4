// A server of memcached's `get` and `set` before a bare client; it parses only as much as the client needs. It shows
// the least cost of a server between clients and an engine, in processes, sockets and turns of the loop.
// Arguments: the client as JSON, port, length of the values, which is the same for all.
//
// Invariant: one request at a time on each connection, as the load generator sends them.

import { createServer, type Socket } from 'node:net';
import { valueOf } from '../load/requests.js';
import { clientOf, fail } from './clients.js';
import type { EngineSpec } from './spec.js';

const [client = '{}', port = '', valueBytes = ''] = process.argv.slice(2);
const engine = await clientOf(JSON.parse(client) as EngineSpec);
const VALUE = valueOf(Number(valueBytes));
const LINE_END = '\r\n';

function hit(key: Buffer): Buffer {
  const head = `VALUE ${key.toString('latin1')} 0 ${VALUE.length}${LINE_END}`;
  return Buffer.concat([Buffer.from(head), VALUE, Buffer.from(`${LINE_END}END${LINE_END}`)]);
}

/** Serves the request at the front of `input` when it is whole; returns how many bytes it took. */
function serve(input: Buffer, socket: Socket): number {
  const lineEnd = input.indexOf(LINE_END);
  if (lineEnd < 0) return 0;
  const [command = '', word = ''] = input.toString('latin1', 0, lineEnd).split(' ');
  const key = Buffer.from(word, 'latin1');
  if (command === 'version') socket.write(`VERSION 0${LINE_END}`);
  if (command === 'get') {
    const settle = (found: boolean): void => void socket.write(found ? hit(key) : `END${LINE_END}`);
    engine.ask({ key, value: undefined, settle });
  }
  if (command !== 'set') return lineEnd + 2;
  const end = lineEnd + 2 + VALUE.length;
  if (input.length < end + 2) return 0;
  const value = Buffer.from(input.subarray(lineEnd + 2, end));
  engine.ask({ key, value, settle: () => void socket.write(`STORED${LINE_END}`) });
  return end + 2;
}

function accept(socket: Socket): void {
  let input: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    input = input.length === 0 ? chunk : Buffer.concat([input, chunk]);
    for (let used = serve(input, socket); used > 0; used = serve(input, socket)) {
      input = input.subarray(used);
    }
  });
  // A client that went away needs no answer.
  socket.on('error', () => socket.destroy());
}

createServer({ noDelay: true }, accept).on('error', fail).listen(Number(port), '127.0.0.1');
