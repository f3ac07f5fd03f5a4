// The server's side of the control socket (control/messages.ts): lets kv-compact ask the process
// that holds the directory's lock. Listens in the data directory, for its owner alone.
//
// Invariants:
// - A request never keeps the server alive or holds up its end: close() ends every connection at once;
//   work that was asked for goes on or is given up with the store.
// - Whoever connects has to ask within a time, and to leave within a time when it was answered. Only so many are inside;
//   who has not asked yet makes room for the next.
// - A socket that is found and that nobody listens on was left by a killed server: whoever has the lock may
//   replace it. Anything else there is a stranger's and stays.

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
/** The question has to be there, and behind the answer the client gone, within this time. */
const PATIENCE_MS = 10_000;
/** Within the descriptors that descriptors.ts keeps back. */
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

  /** Requires: the directory's lock. Throws the system's error when the socket cannot be made. */
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

  /** Stops listening, ends what is connected, removes the socket file. */
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
    // Whoever asked has gone: the work goes on, its answer has no reader.
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
    // Who closes its half behind the question still hears the answer.
    const hangUp = (): void => void socket.end();
    socket.on('data', take).on('end', hangUp);
  }

  async #answer(socket: net.Socket, line: string): Promise<void> {
    const request = parseControlRequest(line);
    if (typeof request === 'string') {
      say(socket, { error: { code: 'KV_BAD_OPTION', message: request } });
      this.#dismiss(socket);
      return;
    }
    try {
      say(socket, { result: await this.#perform(request, socket) });
    } catch (error: unknown) {
      const code = isKvError(error) ? error.code : 'KV_IO';
      const message = failureText(error);
      say(socket, { error: { code, message } });
    }
    this.#dismiss(socket);
  }

  /** What was said is sent; who does not leave then is dropped. */
  #dismiss(socket: net.Socket): void {
    socket.end();
    // What comes behind the question is not wanted; unread it would hide the end.
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
    const stop = this.#tellProgress(socket);
    try {
      return await this.#store.compact({ everything });
    } finally {
      stop();
    }
  }

  #tellProgress(socket: net.Socket): () => void {
    const progress = watchCompaction(this.#store);
    let timer: Timer;
    const tell = (): void => {
      // Who does not read misses some.
      if (!socket.writableNeedDrain) say(socket, { progress: progress() });
      timer = this.#clock.setTimer(PROGRESS_MS, tell);
    };
    tell();
    return () => timer.cancel();
  }
}

function say(socket: net.Socket, answer: ControlAnswer): void {
  if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
}
