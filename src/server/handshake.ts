// A TLS client before it is a connection: it has a deadline, is counted, and can be dropped like any other.
// What it sends in this time is read by Node's TLS alone.

import type { Socket } from 'node:net';

import type { Guest } from './admission.js';
import { addressOf, idleSecondsOf } from './peer.js';
import type { ConnectionDescription } from './session.js';

export class Handshake implements Guest {
  readonly id: number;
  readonly #socket: Socket;
  readonly #listenAddress: string;
  readonly #sinceMs: number;

  /** `socket` is the plain one below. */
  constructor(id: number, socket: Socket, listenAddress: string, nowMs: number) {
    this.id = id;
    this.#socket = socket;
    this.#listenAddress = listenAddress;
    this.#sinceMs = nowMs;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.#sinceMs;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  describe(nowMs: number): ConnectionDescription {
    return {
      id: this.id,
      ...addressOf(this.#socket, this.#listenAddress),
      state: 'kv_handshake',
      idleSeconds: idleSecondsOf(this.ageMs(nowMs)),
    };
  }
}
