// A client for the meta commands of the memcached protocol, on one connection. Commands are sent as they come and answered
// in that order. After a lost connection the next command connects again.

import { createConnection } from 'node:net';

const LINE_END = '\r\n';

export class MetaClient {
  #server;
  #socket;
  #waiting = [];
  #received = Buffer.alloc(0);

  /** `server`: host:port. */
  constructor(server) {
    const at = server.lastIndexOf(':');
    this.#server = { host: server.slice(0, at), port: Number(server.slice(at + 1)) };
  }

  /**
   * Sends a line such as `mg key v`, and the value of an `ms`. Resolves to the status (`HD`, `VA`, `EN`, …), the flags of
   * the reply by their letters, and the value of a `VA`. Rejects when the connection fails: then a change may have
   * happened or not.
   */
  send(line, value) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket ??= this.#connect();
      const block = value === undefined ? [] : [value, Buffer.from(LINE_END)];
      this.#socket.write(Buffer.concat([Buffer.from(line + LINE_END), ...block]));
    });
  }

  close() {
    this.#socket?.end();
  }

  #connect() {
    const socket = createConnection({ ...this.#server, noDelay: true });
    let reason = new Error('The server closed the connection');
    socket.on('error', (error) => (reason = error));
    socket.on('close', () => {
      this.#socket = undefined;
      this.#received = Buffer.alloc(0);
      for (const { reject } of this.#waiting.splice(0)) reject(reason);
    });
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      while (this.#takeReply());
    });
    return socket;
  }

  /** Hands the first reply to the command that waits longest. False when it has not come whole. */
  #takeReply() {
    const lineEnd = this.#received.indexOf(LINE_END);
    if (lineEnd < 0) return false;
    const line = this.#received.toString('utf8', 0, lineEnd);
    const [status, ...words] = line.split(' ');
    const valueStart = lineEnd + LINE_END.length;
    const valueEnd = valueStart + (status === 'VA' ? Number(words.shift()) : 0);
    const end = status === 'VA' ? valueEnd + LINE_END.length : valueStart;
    if (this.#received.length < end) return false;
    const value = this.#received.subarray(valueStart, valueEnd);
    this.#received = this.#received.subarray(end);
    const { resolve, reject } = this.#waiting.shift();
    if (status.endsWith('ERROR')) reject(new Error(line));
    else resolve({ status, value, flags: new Map(words.map((word) => [word[0], word.slice(1)])) });
    return true;
  }
}
