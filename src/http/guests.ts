// The connections of the HTTP listener, from their first moment, a TLS handshake included: how many there may be, and how long each
// may take.
//
// Invariants:
// - When all places are taken, the oldest connection goes: a newcomer is never locked out by those who say nothing.
// - A connection has a time for its handshake, its request and the reading of its answer together. The time begins again
//   with each whole answer. So a slow or endless client is dropped, whatever it is slow at.
// - One request of a connection is answered at a time: whoever sends more in advance is dropped.
// - An endless answer (stream.ts) has no time as a whole. Each of its pieces has to be taken within that time. Such
//   connections are kept when others need room; there are few, so that places are left for those.

import type { Duplex } from 'node:stream';

import type { Clock, Timer } from '../env/env.js';
import { Admission } from '../server/admission.js';

/** Within the descriptors that the server keeps back from its clients (server/descriptors.ts). */
const GUESTS_MAX = 12;
const STREAMS_MAX = 8;
const PATIENCE_MS = 10_000;

export class Visitor {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  #deadline: Timer;
  /** A request is being answered. */
  isBusy = false;

  constructor(socket: Duplex, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#deadline = this.#newDeadline();
    socket.once('close', () => this.#deadline.cancel());
    socket.on('error', () => socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** From now on it may stay, until `hurry` is called. */
  rest(): void {
    this.#deadline.cancel();
  }

  /** It has its time again to take what was sent. */
  hurry(): void {
    this.#deadline.cancel();
    if (!this.#socket.destroyed) this.#deadline = this.#newDeadline();
  }

  /** Its answer has gone out. */
  answered(): void {
    this.isBusy = false;
    this.hurry();
  }

  #newDeadline(): Timer {
    return this.#clock.setTimer(PATIENCE_MS, () => this.#socket.destroy());
  }
}

export class Guests {
  readonly #clock: Clock;
  readonly #inside = new Admission(() => GUESTS_MAX);
  /** By the socket that HTTP is spoken on: with TLS that is not the one which was accepted. */
  readonly #bySocket = new WeakMap<Duplex, Visitor>();
  #streams = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A socket was accepted. */
  enter(socket: Duplex): Visitor {
    this.#inside.makeRoom();
    const guest = new Visitor(socket, this.#clock);
    this.#inside.enter(guest);
    socket.once('close', () => this.#inside.leave(guest));
    return guest;
  }

  /** `socket` is what HTTP is spoken on with `guest`. */
  speak(guest: Visitor, socket: Duplex): void {
    this.#bySocket.set(socket, guest);
  }

  /** Undefined: it has gone. */
  of(socket: Duplex): Visitor | undefined {
    return this.#bySocket.get(socket);
  }

  /** False: there are as many endless answers as there may be. Else `endStream` must be called once. */
  beginStream(guest: Visitor): boolean {
    if (this.#streams >= STREAMS_MAX) return false;
    this.#streams += 1;
    this.#inside.spoke(guest);
    guest.rest();
    return true;
  }

  endStream(): void {
    this.#streams -= 1;
  }

  destroyAll(): void {
    for (const guest of this.#inside) guest.destroy();
  }
}
