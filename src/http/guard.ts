// The guard of HTTP: clients on this machine may ask without a token, all others need the one of --http-token-file.
//
// Invariants:
// - A foreign page in somebody's browser cannot ask, because its request names the foreign host (DNS rebinding): Host
//   has to be a name of loopback, the host of --http, or the address that the request came to. With the token any
//   host is accepted.
// - A foreign page cannot make the browser ask for it either: Sec-Fetch-Site is checked. A request that changes
//   something has to come from the server's own page (Origin).
// - Tokens are compared by their digests, in constant time.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';

import { isLoopback } from '../config/addresses.js';
import { readOptionFile } from '../env/option-file.js';
import { KvError } from '../errors.js';
import type { Access } from './routes.js';

/** Shorter tokens can be guessed. */
const TOKEN_CHARACTERS_MIN = 16;
const TOKEN_FILE_BYTES_MAX = 4096;

/** The status and the reason of a refusal. */
interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly why: string;
}

const FOREIGN: Refusal = { status: 403, why: 'Only the page of this server may ask for this' };
const LOGIN: Refusal = {
  status: 401,
  why: 'Clients of this server log in: send the token (--http-token-file) to see keys and to act',
};

export class Guard {
  readonly #host: string;
  readonly #tokenPath: string | undefined;
  /** Clients of the memcached protocol have to log in: HTTP must not be a way around the login. */
  readonly #clientsLogIn: boolean;
  #digest: Buffer | undefined;

  /** Throws KV_BAD_OPTION when the file at `tokenPath` holds no token. */
  constructor(host: string, tokenPath: string | undefined, clientsLogIn: boolean) {
    this.#host = host.toLowerCase();
    this.#clientsLogIn = clientsLogIn;
    this.#tokenPath = tokenPath;
    this.reload();
  }

  /** Reads the token again. On failure the old token stays in force and the error is thrown. */
  reload(): void {
    if (this.#tokenPath !== undefined) this.#digest = digestOf(readToken(this.#tokenPath));
  }

  /** Returns undefined when the request may be answered. */
  refusalOf(request: IncomingMessage, access: Access): Refusal | undefined {
    const { authorization } = request.headers;
    const isKnown = this.#isToken(authorization);
    const stranger = isKnown ? undefined : this.#refusalOfStranger(request, access);
    if (stranger !== undefined || access === 'shell') return stranger;
    return isForeign(request) ? FOREIGN : undefined;
  }

  #refusalOfStranger(request: IncomingMessage, access: Access): Refusal | undefined {
    if (!isNear(request.socket.remoteAddress)) {
      if (access === 'shell') return undefined;
      return { status: 401, why: 'From another machine, send the token: Authorization: Bearer …' };
    }
    const { host = '' } = request.headers;
    if (!this.#isOwnName(hostName(host), request.socket.localAddress)) {
      return { status: 421, why: 'Host is not a name of this server' };
    }
    return access === 'data' && this.#clientsLogIn ? LOGIN : undefined;
  }

  #isToken(authorization: string | undefined): boolean {
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined || this.#digest === undefined) return false;
    return timingSafeEqual(digestOf(token), this.#digest);
  }

  #isOwnName(name: string, reached: string | undefined): boolean {
    return (
      isLoopback(name) || name === this.#host || (reached !== undefined && name === plain(reached))
    );
  }
}

function readToken(path: string): string {
  const text = readOptionFile('The file of --http-token-file', path).toString('latin1');
  const token = text.trim();
  if (text.length <= TOKEN_FILE_BYTES_MAX && /^[\x21-\x7e]+$/.test(token)) {
    if (token.length >= TOKEN_CHARACTERS_MIN) return token;
  }
  const what = `--http-token-file needs one word of at least ${TOKEN_CHARACTERS_MIN} characters, such as openssl rand -hex 16 makes`;
  throw new KvError('KV_BAD_OPTION', what, { path });
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token, 'latin1').digest();
}

/**
 * Checks whether another site's page made the browser ask, or whether a POST does not say that it comes from this
 * server's page.
 */
function isForeign({ headers, method }: IncomingMessage): boolean {
  const { origin, host = '' } = headers;
  if (method === 'POST') return origin !== `http://${host}` && origin !== `https://${host}`;
  const site = headers['sec-fetch-site'];
  const isAsked = site === undefined || site === 'same-origin' || site === 'none';
  // A user who follows a link sees the page that it leads to. A frame belongs to the page around it, which could take
  // all places with frames.
  return !isAsked && headers['sec-fetch-dest'] !== 'document';
}

/** Returns the host of `name:port` or `[v6]:port`. */
function hostName(host: string): string {
  const [, v6, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host) ?? [];
  return (v6 ?? name).toLowerCase();
}

/** Checks whether a request comes from this machine. */
function isNear(address: string | undefined): boolean {
  return address !== undefined && isLoopback(plain(address));
}

/** Returns an IPv4 address that an IPv6 socket shows as `::ffff:…` in the form of IPv4. */
function plain(address: string): string {
  const inner = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return net.isIPv4(inner) ? inner : address;
}
