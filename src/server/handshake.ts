// The TLS handshake of a client that is no connection yet: it has a deadline, is counted, and can be dropped like any
// other guest. Only Node's TLS reads the bytes that it sends in this time.

import type { Socket } from 'node:net';

import type { Guest } from './admission.js';
import { addressOf, idleSecondsOf } from './peer.js';
import type { ConnectionDescription } from './session.js';

export class Handshake implements Guest {
  readonly id: number;
  readonly #socket: Socket;
  readonly #listenAddress: string;
  readonly #sinceMs: number;

  /** `socket` is the plain socket under the TLS one. */
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
