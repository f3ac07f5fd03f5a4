// An exchange: one request of a guest and what is answered to it. Handlers see nothing of sockets and listeners.

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Guests, Visitor } from './guests.js';
import { Stream } from './stream.js';

const TEXT = 'text/plain; charset=utf-8';

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly #guests: Guests;
  readonly #guest: Visitor;

  constructor(request: IncomingMessage, response: ServerResponse, guests: Guests, guest: Visitor) {
    this.request = request;
    this.response = response;
    this.#guests = guests;
    this.#guest = guest;
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    this.path = path;
    this.query = new URLSearchParams(query);
  }

  /** The whole answer. */
  say(status: number, body: string | Buffer, contentType = TEXT): void {
    this.response.writeHead(status, {
      'Content-Type': contentType,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    this.response.end(body);
  }

  /** Begins an answer without an end; undefined: there are too many, which was said. */
  stream(contentType: string): Stream | undefined {
    const stream = Stream.begin(this.#guests, this.#guest, this.response, contentType);
    if (stream === undefined) this.say(503, 'There are too many streams; end one of them\n');
    return stream;
  }
}
