// An endless answer: sends pieces as they come, as long as the client takes them (guests.ts).
//
// Invariant: at most one piece waits in memory. The sender awaits `send`, and a client that does not take a piece in
// time is dropped.

import type { ServerResponse } from 'node:http';

import type { Guests, Visitor } from './guests.js';

export class Stream {
  readonly #response: ServerResponse;
  readonly #guest: Visitor;
  /** Aborted when the client has gone or `end` was called. */
  readonly ended: AbortSignal;

  private constructor(response: ServerResponse, guest: Visitor, ended: AbortSignal) {
    this.#response = response;
    this.#guest = guest;
    this.ended = ended;
  }

  /** Begins the answer. Returns undefined, and sends nothing, when there are too many or the client has gone. */
  static begin(
    guests: Guests,
    guest: Visitor,
    response: ServerResponse,
    contentType: string,
  ): Stream | undefined {
    if (response.destroyed || !guests.beginStream(guest)) return undefined;
    const ending = new AbortController();
    response.once('close', () => {
      guests.endStream();
      ending.abort();
    });
    // The connection ends with the answer: nothing else may follow on it.
    response.shouldKeepAlive = false;
    response.writeHead(200, {
      'Content-Type': contentType,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    response.flushHeaders();
    return new Stream(response, guest, ending.signal);
  }

  /** Resolves when the next piece may come, or when the client has gone (`ended`). */
  async send(piece: string | Buffer): Promise<void> {
    if (this.ended.aborted || this.#response.write(piece)) return;
    this.#guest.hurry();
    await this.#drained();
    this.#guest.rest();
  }

  /** Ends the answer. */
  end(): void {
    this.#response.end();
  }

  #drained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        this.ended.removeEventListener('abort', done);
        resolve();
      };
      response.once('drain', done);
      this.ended.addEventListener('abort', done, { once: true });
    });
  }
}
