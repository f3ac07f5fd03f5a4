// The change feed of a server as kv-client reads it: over HTTP, from the address of the server's --http
// (docs/feed.md).
//
// Invariant: a line is passed on whole or not at all. A line that was cut off when the connection broke comes again,
// because a client goes on after the last seq that came whole.

import http from 'node:http';
import https from 'node:https';

import { isLoopback } from '../../src/config/addresses.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { ToolError } from '../terminal/program.js';
import type { Connection, TlsOptions } from './connection.js';
import type { Endpoint } from './endpoint.js';
import { composeLine } from './words.js';

/** The server sends something every 15 s: after this much silence it has gone. */
const SILENCE_MS_MAX = 45_000;
const BODY_BYTES_MAX = 64 * 1024;
const WILDCARDS: readonly string[] = ['0.0.0.0', '[::]'];

/** A line of the feed, with the fields that kv-client uses. */
export interface FeedLine {
  readonly type: string;
  readonly seq: number;
  readonly time?: number;
  readonly key?: string;
  readonly keyEncoding?: 'base64';
  readonly flags?: number;
  readonly expiresAt?: number | null;
  readonly at?: number | null;
  readonly cas?: number | string;
  readonly bytes?: number;
  readonly reason?: string;
  readonly encoding?: 'utf8' | 'base64';
  readonly value?: string;
  readonly gone?: boolean;
  /** The code of an error. */
  readonly error?: string;
  readonly message?: string;
}

export interface FeedPlace {
  readonly url: string;
  readonly token: string | undefined;
  readonly tls: TlsOptions | undefined;
}

/** The answer was not a feed, or the connection failed. The request may be tried again. */
export class FeedFailure extends ToolError {}

/** Returns the value of `--http` (`port`, `host:port` or a URL) as a URL. Throws a ToolError with 64. */
export function givenUrl(text: string): string {
  const isUrl = /^https?:\/\//.test(text);
  const url = isUrl ? text : /^\d+$/.test(text) ? `http://127.0.0.1:${text}` : `http://${text}`;
  if (URL.canParse(url)) return new URL(url).origin;
  throw new ToolError(EXIT.usage, `--http is a port, host:port or a URL: ${text}`);
}

/**
 * Asks the server for the URL of its HTTP. Throws a ToolError when it has none, or when the URL cannot be reached
 * from here.
 */
export async function askedUrl(connection: Connection, endpoint: Endpoint): Promise<string> {
  const { rows, last } = await connection.request([composeLine(['stats', 'settings'])], 'reply');
  requireLogin(last);
  const told = rows.map((row) => /^STAT kv_http (\S+)$/.exec(row)?.[1]).find(Boolean);
  if (told === undefined) {
    const what = 'The server does not name a change feed: it is not Cairn, or an earlier release';
    throw new ToolError(EXIT.unreachable, what);
  }
  if (!URL.canParse(told)) {
    const what = 'The server was started without --http, and so has no change feed';
    throw new ToolError(EXIT.unreachable, `${what}: start it with --http 9150`);
  }
  const url = new URL(told);
  if (endpoint.kind === 'unix' || isLoopback(endpoint.host)) {
    if (WILDCARDS.includes(url.hostname)) url.hostname = '127.0.0.1';
    return url.origin;
  }
  if (WILDCARDS.includes(url.hostname)) url.hostname = endpoint.host;
  if (isLoopback(url.hostname.replaceAll(/[[\]]/g, ''))) {
    const what = `The server's HTTP listens on its own machine only (${told})`;
    throw new ToolError(EXIT.unreachable, `${what}: give its --http an address that is reached`);
  }
  return url.origin;
}

/** Throws a ToolError with 77 when `last` is the answer of a server that wants a login. */
export function requireLogin(last: string): void {
  if (last !== 'CLIENT_ERROR unauthenticated') return;
  const next = 'give --user and --password-file';
  throw new ToolError(EXIT.noPermission, `The server wants a login: ${next}`);
}

/**
 * Yields the lines of an answer, each with its text. Ends with the answer. Throws a FeedFailure when the connection
 * fails, and a ToolError when the server refuses: 66 too old, 77 no token, 64 wrong use.
 */
export async function* feedLines(
  place: FeedPlace,
  query: Readonly<Record<string, string>>,
): AsyncGenerator<{ readonly line: FeedLine; readonly text: string }> {
  const response = await ask(place, query);
  if (response.statusCode !== 200) throw await refusalOf(response, place.url);
  let rest: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        const text = Buffer.concat([...rest, chunk.subarray(from, end)]).toString();
        rest = [];
        from = end + 1;
        yield { line: JSON.parse(text) as FeedLine, text };
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
    }
  } catch (error) {
    if (error instanceof ToolError || !isOfNetwork(error)) throw error;
    throw new FeedFailure(EXIT.unreachable, `The connection to ${place.url} broke`, error);
  } finally {
    response.destroy();
  }
}

/** Checks for Node's code of an answer that was cut off, or for a code of the system. */
function isOfNetwork(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}

function ask(
  { url, token, tls }: FeedPlace,
  query: Readonly<Record<string, string>>,
): Promise<http.IncomingMessage> {
  const target = new URL('/changes', url);
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value);
  const options: https.RequestOptions = {
    agent: false,
    timeout: SILENCE_MS_MAX,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(tls === undefined ? {} : tlsDetails(tls)),
  };
  return new Promise((resolve, reject) => {
    const client = target.protocol === 'https:' ? https : http;
    const request = client.get(target, options, resolve);
    request.on('timeout', () => request.destroy(new Error('the server sends nothing any more')));
    request.on('error', (error) =>
      reject(new FeedFailure(EXIT.unreachable, `No feed at ${url}: ${error.message}`, error)),
    );
  });
}

function tlsDetails({ ca, cert, key, servername, insecure }: TlsOptions): https.RequestOptions {
  return { ca, cert, key, servername, rejectUnauthorized: !insecure };
}

async function refusalOf(response: http.IncomingMessage, url: string): Promise<ToolError> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString().trim();
  const status = response.statusCode ?? 0;
  const message = messageIn(body) ?? `${url} answers ${status}: ${body.slice(0, 200)}`;
  const code = CODES[status];
  if (code !== undefined) return new ToolError(code, message);
  return new FeedFailure(EXIT.unreachable, message);
}

const CODES: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  401: EXIT.noPermission,
  404: EXIT.protocol,
  410: EXIT.noInput,
  421: EXIT.noPermission,
  501: EXIT.usage,
};

function messageIn(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
