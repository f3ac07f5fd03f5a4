// The address of the server: `11211`, `host:port`, `[::1]:11211`, the path of a unix socket, or any of them after
// `memcached://`. Pure.

import { isServiceAddress } from '../../src/config/addresses.js';
import { isIP } from 'node:net';

import { EXIT } from '../../src/exit-codes.js';
import { jsonLine } from '../../src/printable.js';
import { ToolError } from '../terminal/program.js';
import { refuseStoreUrl } from '../terminal/store-url.js';

export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 11_211;
const SCHEME = 'memcached://';

/** Returns the endpoint that a word names; undefined when the word does not look like one (then it is a command). */
export function parseEndpoint(word: string, defaultHost = DEFAULT_HOST): Endpoint | undefined {
  refuseStoreUrl(word, 'give host:port of a server over it');
  if (isServerUrl(word)) return endpointOfUrl(word.slice(SCHEME.length), defaultHost);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) {
    // A URL may hold a password, so only its beginning is shown.
    const scheme = jsonLine(word.slice(0, word.indexOf('://') + 3));
    throw new ToolError(EXIT.usage, `${scheme} names no memcached server: give host:port`);
  }
  if (word.includes('/')) return { kind: 'unix', path: word };
  if (/^\d{1,5}$/.test(word)) return tcp(defaultHost, Number(word));
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(word);
  if (match === null) return undefined;
  return tcp(match[1] ?? match[2] ?? defaultHost, Number(match[3]));
}

/** Checks whether a word can only be a server. */
export function isServerUrl(word: string): boolean {
  return word.startsWith(SCHEME);
}

function endpointOfUrl(rest: string, defaultHost: string): Endpoint {
  // Every user of the machine can read a password on the command line: the message does not repeat it.
  if (rest.includes('@'))
    throw new ToolError(
      EXIT.usage,
      'A login is given by --user and --password-file, not in the URL',
    );
  const place = rest.startsWith('/') ? rest : rest.replace(/\/$/, '');
  const host = /^\[([^\]]+)\]$/.exec(place)?.[1] ?? place;
  const isHostAlone = isHost(host) || /^[a-z0-9-]+$/i.test(host);
  const found =
    place.startsWith('/') || !place.includes('/') ? parseEndpoint(place, defaultHost) : undefined;
  if (found !== undefined) return found;
  if (isHostAlone) return tcp(host, DEFAULT_PORT);
  throw new ToolError(EXIT.usage, `This does not name a server: ${jsonLine(SCHEME + rest)}`);
}

/** Returns the endpoint of CAIRN_HOST and CAIRN_PORT, by default 127.0.0.1:11211. */
export function endpointFromEnvironment(env: NodeJS.ProcessEnv): Endpoint {
  const host = env['CAIRN_HOST'] ?? '';
  const given = env['CAIRN_PORT'] ?? '';
  const port = isServiceAddress(given) ? '' : given;
  if (host.includes('/')) return { kind: 'unix', path: host };
  if (port !== '' && !/^\d{1,5}$/.test(port)) {
    throw new ToolError(EXIT.usage, `CAIRN_PORT is not a port: ${port}`);
  }
  return tcp(host === '' ? DEFAULT_HOST : host, port === '' ? DEFAULT_PORT : Number(port));
}

export function describeEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return endpoint.path;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

/** Returns the endpoint of a host without a port: the port is CAIRN_PORT or the usual one. */
export function endpointOfHost(word: string, env: NodeJS.ProcessEnv): Endpoint {
  const host = /^\[([^\]]+)\]$/.exec(word)?.[1] ?? word;
  return endpointFromEnvironment({ CAIRN_PORT: env['CAIRN_PORT'], CAIRN_HOST: host });
}

/** Checks whether a word can only be a host: `localhost`, an address, or a name with a domain. */
export function isHost(word: string): boolean {
  const isName = /^(?=.*[a-z])[a-z0-9-]+(?:\.[a-z0-9-]+)+\.?$/i.test(word);
  return word === 'localhost' || isName || isIP(word.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function tcp(host: string, port: number): Endpoint {
  if (port < 1 || port > 65_535) throw new ToolError(EXIT.usage, `${port} is not a port`);
  return { kind: 'tcp', host, port };
}
