// Input without garbage: a plain socket reads into one buffer that all connections share, and lends each
// piece for the time of a call. Node offers that (`onread`) only to sockets that connect, not to those that
// a server accepts; so the accepted handle gets a socket of our own. It is the one place that leans on
// Node's internals: without them the socket stays as it is and its stream makes a buffer for each read
// (benchmarks/README.md has the difference; TLS always goes that way).

import net from 'node:net';

const READ_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** What an accepted socket is made of, beside what the types say. */
interface Internals {
  _handle?: unknown;
  /** Counts the connection, for `maxConnections` and close(). */
  _server?: unknown;
}

class LendingSocket extends net.Socket {
  receive: ((bytes: Buffer) => void) | undefined;

  constructor(handle: unknown) {
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: shared,
        callback: (count: number): boolean => {
          this.receive?.(shared.subarray(0, count));
          return true;
        },
      },
    };
    super(options);
  }
}

/** Puts a socket of our own around the handle of one that was accepted and has not read yet. */
export function lending(accepted: net.Socket): net.Socket {
  const inside: Internals = accepted as Internals;
  if (typeof inside._handle !== 'object' || inside._handle === null) return accepted;
  const socket = new LendingSocket(inside._handle);
  const outside: Internals = socket as Internals;
  outside._server = inside._server;
  inside._handle = null;
  inside._server = null;
  return socket;
}

/** Calls `receive` with each piece of input. Its memory is lent until the call returns. */
export function onInput(socket: net.Socket, receive: (bytes: Buffer) => void): void {
  if (socket instanceof LendingSocket) socket.receive = receive;
  else socket.on('data', receive);
}
