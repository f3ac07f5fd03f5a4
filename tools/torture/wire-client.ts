// A connection for tests that speaks the text protocol: pipelines freely, matches replies to requests in their order,
// and rejects unanswered requests when the connection is lost.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

interface Waiting {
  /** Returns the reply at the front of `bytes`; undefined while it is incomplete. */
  readonly take: (bytes: Buffer) => Taken | undefined;
  readonly resolve: (reply: string) => void;
  readonly reject: (error: Error) => void;
}

interface Taken {
  readonly reply: string;
  readonly bytes: number;
}

function takeLine(bytes: Buffer): Taken | undefined {
  const end = bytes.indexOf('\r\n');
  return end < 0 ? undefined : { reply: bytes.toString('latin1', 0, end), bytes: end + 2 };
}

/** Takes a line and, after `VA <bytes>` (meta), its block: `VA 3 f0\r\nabc`. */
function takeMeta(bytes: Buffer): Taken | undefined {
  const line = takeLine(bytes);
  if (line === undefined || !line.reply.startsWith('VA ')) return line;
  const end = line.bytes + Number(line.reply.split(' ')[1]);
  return bytes.length < end + 2
    ? undefined
    : { reply: `${line.reply}\r\n${bytes.toString('latin1', line.bytes, end)}`, bytes: end + 2 };
}

/** Takes lines up to and including END (values must not hold that word on a line of its own), or an error. */
function takeList(bytes: Buffer): Taken | undefined {
  const first = takeLine(bytes);
  if (first === undefined) return undefined;
  if (first.reply === 'END' || /^(CLIENT_|SERVER_)?ERROR/.test(first.reply)) return first;
  // metadump ends its lines with LF alone.
  const end = bytes.indexOf('\nEND\r\n');
  return end < 0
    ? undefined
    : { reply: bytes.toString('latin1', 0, end + 4), bytes: end + '\nEND\r\n'.length };
}

export class WireClient {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #lost = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => undefined); // 'close' follows, and rejects the waiting requests.
    socket.on('close', () => {
      this.#lost = true;
      for (const { reject } of this.#waiting.splice(0)) reject(new ConnectionLost());
    });
  }

  /** Connects to a port of the loopback, or to the path of a unix socket. */
  static async connect(place: number | string): Promise<WireClient> {
    const to = typeof place === 'string' ? { path: place } : { port: place, host: '127.0.0.1' };
    const socket = connect(to);
    await once(socket, 'connect');
    return new WireClient(socket);
  }

  /** Sends a request whose reply is one line. The request has no line end; its characters are bytes (latin1). */
  line(request: string): Promise<string> {
    return this.#send(request, takeLine);
  }

  /** Sends a meta request; the reply is its line and, on another line, its value. */
  meta(request: string): Promise<string> {
    return this.#send(request, takeMeta);
  }

  /** Sends a request whose reply ends with END: get, gets, stats. */
  list(request: string): Promise<string> {
    return this.#send(request, takeList);
  }

  /** Stops reading. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(request: string, take: Waiting['take']): Promise<string> {
    if (this.#lost) return Promise.reject(new ConnectionLost());
    this.#socket.write(request, 'latin1');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ take, resolve, reject });
    });
  }

  #received(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const taken = first.take(this.#bytes);
      if (taken === undefined) return;
      this.#bytes = this.#bytes.subarray(taken.bytes);
      this.#waiting.shift();
      first.resolve(taken.reply);
    }
  }
}
