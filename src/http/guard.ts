// The guard of HTTP: from loopback everybody may ask, from elsewhere whoever has the token (--http-token-file).
//
// Invariants:
// - A page of a stranger in somebody's browser cannot ask: its request names the stranger's host (DNS rebinding), and
//   Host has to be a name of loopback, what --http says, or the address that was reached. Whoever has the token may name any.
// - Nor can it make the browser ask in its own name (Sec-Fetch-Site), and what acts has to come from the server's own page (Origin).
// - Tokens are compared by their digests, in constant time.

import { createHash, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';

import { isLoopback } from '../config/addresses.js';
import { optionFileFailure } from '../env/file-failure.js';
import { KvError } from '../errors.js';
import type { Access } from './routes.js';

/** Shorter ones can be guessed. */
const TOKEN_CHARACTERS_MIN = 16;
const TOKEN_FILE_BYTES_MAX = 4096;

/** Why a request is not answered. */
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
  /** Those who come by the memcached protocol have to prove who they are: HTTP is no way around that. */
  readonly #clientsLogIn: boolean;
  #digest: Buffer | undefined;

  /** Throws KV_BAD_OPTION when there is no token in the file at `tokenPath`. */
  constructor(host: string, tokenPath: string | undefined, clientsLogIn: boolean) {
    this.#host = host.toLowerCase();
    this.#clientsLogIn = clientsLogIn;
    this.#tokenPath = tokenPath;
    this.reload();
  }

  /** Reads the token again; on failure the old one stays and the error is thrown. */
  reload(): void {
    if (this.#tokenPath !== undefined) this.#digest = digestOf(readToken(this.#tokenPath));
  }

  /** Undefined: it may be answered. */
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
  let text: string;
  try {
    text = fs.readFileSync(path, 'latin1');
  } catch (cause) {
    throw optionFileFailure('The file of --http-token-file', path, cause);
  }
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

/** A browser asks for another page, or what acts does not say that it is from here. */
function isForeign({ headers, method }: IncomingMessage): boolean {
  const { origin, host = '' } = headers;
  if (method === 'POST') return origin !== `http://${host}` && origin !== `https://${host}`;
  const site = headers['sec-fetch-site'];
  const isAsked = site === undefined || site === 'same-origin' || site === 'none';
  // Whoever follows a link sees what it leads to. A frame in another page is that page's, which could hold all places by frames.
  return !isAsked && headers['sec-fetch-dest'] !== 'document';
}

/** Of `name:port` or `[v6]:port`. */
function hostName(host: string): string {
  const [, v6, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host) ?? [];
  return (v6 ?? name).toLowerCase();
}

/** Asked for from this machine. */
function isNear(address: string | undefined): boolean {
  return address !== undefined && isLoopback(plain(address));
}

/** An IPv4 address that came to an IPv6 socket, as IPv4. */
function plain(address: string): string {
  const inner = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return net.isIPv4(inner) ? inner : address;
}
