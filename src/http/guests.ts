// The connections of the HTTP listener, from their first moment and including a TLS handshake. This module bounds how
// many there are and how long each may take.
//
// Invariants:
// - When all places are taken, the oldest connection is dropped: silent clients never lock a new one out.
// - A connection has one time limit for its handshake, its request and the reading of its answer together. The time
//   begins again after each whole answer. So a slow or endless client is dropped, whatever it is slow at.
// - One request of a connection is answered at a time: a client that pipelines requests is dropped.
// - An endless answer (stream.ts) has no limit as a whole; each of its pieces has to be taken within the time. Its
//   connection is kept when others need room. There are few of them, and they take no place from other connections: a
//   browser opens six at once.

import type { Duplex } from 'node:stream';

import type { Clock, Timer } from '../env/env.js';
import { Admission } from '../server/admission.js';

/**
 * Bound of connections beside the endless answers. Both bounds are within the descriptors that the server keeps back
 * from its clients (server/descriptors.ts).
 */
const GUESTS_MAX = 12;
const STREAMS_MAX = 8;
const PATIENCE_MS = 10_000;

export class Visitor {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  #deadline: Timer;
  /** True while a request of this connection is being answered. */
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

  /** Stops the time limit until `hurry` is called. */
  rest(): void {
    this.#deadline.cancel();
  }

  /** Starts the time limit again, for the client to take what was sent. */
  hurry(): void {
    this.#deadline.cancel();
    if (!this.#socket.destroyed) this.#deadline = this.#newDeadline();
  }

  /** Called when the answer has gone out. */
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
  readonly #inside = new Admission(() => GUESTS_MAX + this.#streams);
  /** Visitors by the socket that carries HTTP: with TLS that is another socket than the accepted one. */
  readonly #bySocket = new WeakMap<Duplex, Visitor>();
  #streams = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes in an accepted socket. */
  enter(socket: Duplex): Visitor {
    this.#inside.makeRoom();
    const guest = new Visitor(socket, this.#clock);
    this.#inside.enter(guest);
    socket.once('close', () => this.#inside.leave(guest));
    return guest;
  }

  /** `socket` is the socket that carries HTTP for `guest`. */
  speak(guest: Visitor, socket: Duplex): void {
    this.#bySocket.set(socket, guest);
  }

  /** Returns undefined when the connection has gone. */
  of(socket: Duplex): Visitor | undefined {
    return this.#bySocket.get(socket);
  }

  /**
   * Returns false when there are as many endless answers as there may be. Otherwise the caller must call `endStream`
   * once.
   */
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
