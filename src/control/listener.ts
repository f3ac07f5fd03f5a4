// The server's side of the control socket (control/messages.ts): lets kv-compact send requests to the process
// that holds the directory's lock. The socket is in the data directory, and only its owner may connect.
//
// Invariants:
// - A request neither keeps the server running nor delays its stop: close() ends every connection at once.
//   The requested work goes on, or ends together with the store.
// - A client must send its request within PATIENCE_MS, and close within PATIENCE_MS after the answer. At most
//   CLIENTS_MAX are connected; a client without a request yet makes room for the next.
// - A socket on which nobody listens was left by a killed server, so the holder of the lock may replace it. Any other
//   file at that place belongs to somebody else and stays.

import net from 'node:net';
import { join } from 'node:path';

import type { Clock, Timer } from '../env/env.js';
import { adoptSocket } from '../env/adopt.js';
import { openSocketPath, type SocketPath } from '../env/socket-path.js';
import { failureText, isKvError } from '../errors.js';
import { CONTROL_NAME } from '../log/bytes/file-names.js';
import { watchCompaction } from './compaction-progress.js';
import { Admission } from '../server/admission.js';
import {
  CONTROL_LINE_BYTES_MAX,
  parseControlRequest,
  type ControlAnswer,
  type ControlRequest,
} from './messages.js';
import type { CompactionReport, Store } from '../store/store.js';
import { removeStaleSocket } from '../env/stale-socket.js';

const PROGRESS_MS = 200;
/** A client has this time to send its request, and again this time to close after the answer. */
const PATIENCE_MS = 10_000;
/** These connections use the descriptors that descriptors.ts reserves. */
const CLIENTS_MAX = 8;
const OWNER_ONLY = 0o600;

export class Control {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #server: net.Server;
  readonly #path: SocketPath;
  readonly #sockets = new Admission(() => CLIENTS_MAX);

  private constructor(store: Store, clock: Clock, path: SocketPath) {
    this.#store = store;
    this.#clock = clock;
    this.#path = path;
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Requires: the caller holds the directory's lock. Throws the system's error when the socket cannot be made. */
  static async listen(store: Store, clock: Clock, dir: string): Promise<Control> {
    const path = openSocketPath(dir, CONTROL_NAME);
    const control = new Control(store, clock, path);
    try {
      await removeStaleSocket(path.path);
      await control.#listen();
      adoptSocket(join(dir, CONTROL_NAME));
    } catch (error) {
      path.close();
      throw error;
    }
    return control;
  }

  /** Stops listening, ends all connections, removes the socket file. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#path.close();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const before = process.umask(0o777 & ~OWNER_ONLY);
      try {
        this.#server.listen(this.#path.path, () => {
          this.#server.off('error', reject);
          resolve();
        });
      } finally {
        process.umask(before);
      }
    });
  }

  #accept(socket: net.Socket): void {
    if (this.#sockets.makeRoom() === 'none') {
      socket.destroy();
      return;
    }
    this.#sockets.enter(socket);
    const deadline = this.#clock.setTimer(PATIENCE_MS, () => socket.destroy());
    socket.once('close', () => {
      deadline.cancel();
      this.#sockets.leave(socket);
    });
    // The client is gone. The work goes on, but nobody reads its answer.
    socket.on('error', () => socket.destroy());
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= CONTROL_LINE_BYTES_MAX) return;
      socket.off('data', take).off('end', hangUp);
      deadline.cancel();
      this.#sockets.spoke(socket);
      void this.#answer(socket, end < 0 ? '' : text.slice(0, end));
    };
    // A client that closes its half after the request still gets the answer.
    const hangUp = (): void => void socket.end();
    socket.on('data', take).on('end', hangUp);
  }

  async #answer(socket: net.Socket, line: string): Promise<void> {
    const request = parseControlRequest(line);
    if (typeof request === 'string') {
      sendLine(socket, { error: { code: 'KV_BAD_OPTION', message: request } });
      this.#end(socket);
      return;
    }
    try {
      sendLine(socket, { result: await this.#perform(request, socket) });
    } catch (error: unknown) {
      const code = isKvError(error) ? error.code : 'KV_IO';
      const message = failureText(error);
      sendLine(socket, { error: { code, message } });
    }
    this.#end(socket);
  }

  /** Sends what was written, and drops a client that does not close within PATIENCE_MS. */
  #end(socket: net.Socket): void {
    socket.end();
    // Bytes after the request are discarded: left unread, they would hide that the client has closed.
    socket.resume();
    const deadline = this.#clock.setTimer(PATIENCE_MS, () => socket.destroy());
    socket.once('close', () => deadline.cancel());
  }

  #perform(request: ControlRequest, socket: net.Socket): Promise<unknown> {
    if (request.command === 'compact') return this.#compact(request.everything === true, socket);
    if (request.command === 'snapshot') return this.#store.snapshot(request.path);
    return Promise.resolve(Object.fromEntries(this.#store.stats()));
  }

  async #compact(everything: boolean, socket: net.Socket): Promise<CompactionReport> {
    const stop = this.#sendProgress(socket);
    try {
      return await this.#store.compact({ everything });
    } finally {
      stop();
    }
  }

  #sendProgress(socket: net.Socket): () => void {
    const progress = watchCompaction(this.#store);
    let timer: Timer;
    const send = (): void => {
      // A client that does not read misses some progress lines.
      if (!socket.writableNeedDrain) sendLine(socket, { progress: progress() });
      timer = this.#clock.setTimer(PROGRESS_MS, send);
    };
    send();
    return () => timer.cancel();
  }
}

function sendLine(socket: net.Socket, answer: ControlAnswer): void {
  if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
}
