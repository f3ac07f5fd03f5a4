// An exchange: one request of a client and the answer to it. Handlers see no sockets and no listeners.

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Guests, Visitor } from './guests.js';
import { Stream } from './stream.js';

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

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
    const { url = '' } = request;
    const pathEnd = url.indexOf('?');
    this.path = pathEnd < 0 ? url : url.slice(0, pathEnd);
    // Question marks after the first one belong to the query.
    this.query = new URLSearchParams(pathEnd < 0 ? '' : url.slice(pathEnd + 1));
  }

  /** Sends the whole answer. */
  say(status: number, body: string | Buffer, contentType = TEXT): void {
    this.response.writeHead(status, {
      'Content-Type': contentType,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    this.response.end(body);
  }

  sayJson(value: unknown): void {
    this.say(200, JSON.stringify(value), JSON_TYPE);
  }

  /** Refuses with a JSON object, the form that the page shows. */
  refuse(status: number, why: string): void {
    this.say(status, JSON.stringify({ error: why }), JSON_TYPE);
  }

  /** Begins an answer without an end. Returns undefined when there are too many; the client has then been answered. */
  stream(contentType: string): Stream | undefined {
    if (this.request.method === 'HEAD') {
      this.say(405, 'Only GET is answered here, because the answer has no end\n');
      return undefined;
    }
    const stream = Stream.begin(this.#guests, this.#guest, this.response, contentType);
    if (stream === undefined) this.say(503, 'There are too many streams; end one of them\n');
    return stream;
  }
}
