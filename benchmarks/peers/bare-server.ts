// The limit that loopback and Node's sockets set: answers the generator's requests by counting their bytes, with
// replies of the right length. It does not parse, look up or store anything.
// Arguments: port, value bytes.

import { createServer, type Socket } from 'node:net';
import { keyName, templatesOf, valueOf } from '../load/requests.js';

const valueBytes = Number(process.argv[3]);
const { read, write } = templatesOf('memcached', valueBytes);
const VALUE_REPLY = Buffer.concat([
  Buffer.from(`VALUE ${keyName(0)} 0 ${valueBytes}\r\n`),
  valueOf(valueBytes),
  Buffer.from('\r\nEND\r\n'),
]);
const KINDS = new Map([
  ['g'.charCodeAt(0), { bytes: read.bytes.length, reply: VALUE_REPLY }],
  ['s'.charCodeAt(0), { bytes: write.bytes.length, reply: Buffer.from('STORED\r\n') }],
  ['v'.charCodeAt(0), { bytes: 'version\r\n'.length, reply: Buffer.from('VERSION 0\r\n') }],
]);

function serve(socket: Socket): void {
  let left = 0;
  let reply: Buffer = VALUE_REPLY;
  socket.on('data', (chunk: Buffer) => {
    const replies: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const kind = KINDS.get(chunk[at]!);
        if (kind === undefined) throw new Error('not a request of the generator');
        ({ bytes: left, reply } = kind);
      }
      const taken = Math.min(left, chunk.length - at);
      left -= taken;
      at += taken;
      if (left === 0) replies.push(reply);
    }
    if (replies.length > 0) socket.write(replies.length === 1 ? reply : Buffer.concat(replies));
  });
  // A client that went away needs no answer.
  socket.on('error', () => socket.destroy());
}

createServer({ noDelay: true }, serve).listen(Number(process.argv[2]), '127.0.0.1');
