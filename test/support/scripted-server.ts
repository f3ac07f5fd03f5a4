// A memcached server that answers as a test tells it to, for behaviour that no real server can be brought to: old versions,
// an LRU crawler that is busy, an end in the middle of a reply.

import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

import { listenOnLoopback } from './loopback-port.js';

/** Returns the answer to a line, without its line end; `undefined` closes the connection. */
export type Script = (line: string) => string | undefined;

interface ScriptedServer {
  readonly port: number;
  /** All lines that the server received. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function startScripted(script: Script): Promise<ScriptedServer> {
  const asked: string[] = [];
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (line) => {
      asked.push(line);
      const answer = script(line);
      if (answer === undefined) socket.destroy();
      else socket.write(Buffer.from(answer, 'latin1'));
    });
  });
  const port = await listenOnLoopback(listener);
  return {
    port,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
