// A port in front of another port of 127.0.0.1, over which requests or answers get lost when a test says so.
//
// Invariant: a loss ends the client's connection, so that whoever waits for the answer notices at once.

import { once } from 'node:events';
import net from 'node:net';

export class LossyPort {
  readonly port: number;
  /**
   * `request`: the next bytes that come with `mark` in them do not arrive. `answer`: they arrive, and their answer is lost.
   * `delay`: they arrive when arrive() is called.
   */
  loses: 'request' | 'answer' | 'delay' | undefined;
  /** The text that a request must contain to be lost. */
  mark = '';
  lost = 0;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #late: (() => Promise<void>) | undefined;
  #behind = 0;

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (socket) => this.#join(socket));
  }

  static async open(): Promise<LossyPort> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LossyPort(server);
  }

  /** Sets the port that connections are forwarded to. */
  leadTo(port: number): void {
    this.#behind = port;
  }

  /** Lets the delayed bytes arrive. Resolves when the node has answered them, or has ended their connection. */
  async arrive(): Promise<void> {
    await this.#late?.();
    this.#late = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: net.Socket): void {
    const node = net.connect(this.#behind, '127.0.0.1');
    let losesAnswer = false;
    let isLate = false;
    const end = (): void => {
      client.destroy();
      if (!isLate) node.destroy();
    };
    for (const socket of [client, node]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on('data', (bytes) => {
      const isMarked = this.loses !== undefined && bytes.includes(this.mark);
      if (isMarked) {
        this.lost += 1;
        losesAnswer = this.loses === 'answer';
        isLate = this.loses === 'delay';
        this.loses = undefined;
        if (isLate) this.#late = () => arrival(node, bytes);
        if (!losesAnswer) {
          end();
          return;
        }
      }
      node.write(bytes);
    });
    node.on('data', (bytes) => {
      if (losesAnswer) end();
      else client.write(bytes);
    });
  }
}

/** Sends bytes. Resolves when an answer or the end of the connection comes. */
function arrival(node: net.Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      node.destroy();
      resolve();
    };
    if (node.destroyed) done();
    else node.once('data', done).once('close', done).write(bytes);
  });
}
