// The addresses to listen on: turns `-l`, `-p`, `-U`, `-s` and `--plain-port` into endpoints, by memcached's rules
// (docs/configuration.md). Without any of these flags the server listens on loopback only. An address of `-l` may choose
// the TLS of its listener, as with memcached: notls, btls (asks for no client certificate), mtls (requires one).

import net from 'node:net';

import { InvalidArgumentError } from 'commander';

interface TcpEndpoint {
  readonly kind: 'tcp';
  /** A name stands for all of its addresses, `*` for every address of this machine, IPv4 and IPv6. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** The listener answers every request in the plain form. */
  readonly plain: boolean;
  /** Overrides -o ssl_verify_mode for this listener. */
  readonly tls?: TlsMode;
}

interface UnixEndpoint {
  readonly kind: 'unix';
  readonly path: string;
  /** Permissions of the socket file. */
  readonly mode: number;
}

/** In order: no TLS; TLS without a client certificate; the server asks for one, but accepts none; it requires one. */
export type TlsMode = 'none' | 'unverified' | 'asked' | 'verified';

export type Endpoint = TcpEndpoint | UnixEndpoint;

/** One item of `-l`: a host, with the port if the item names one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number | undefined;
  readonly tls?: TlsMode;
}

interface ListenFlags {
  readonly listen: readonly ListenAddress[];
  /** -1: ephemeral, 0: no TCP, undefined: not given. */
  readonly port: number | undefined;
  readonly udpPort: number | undefined;
  readonly plainPort: number | undefined;
  readonly unixPath: string | undefined;
  readonly unixMode: number;
}

const PORT_DEFAULT = 11211;
const LOOPBACK = '127.0.0.1';
const TLS_PREFIXES: Readonly<Record<string, TlsMode>> = {
  notls: 'none',
  btls: 'unverified',
  mtls: 'verified',
};

/**
 * Parses one `-l` and appends it to those before: a list of `host`, `host:port`, `[v6]:port` or a bare v6 address. Commas or
 * semicolons separate them and may be superfluous, as with memcached.
 */
export function listenAddresses(
  text: string,
  before: readonly ListenAddress[] = [],
): readonly ListenAddress[] {
  const words = text.split(/[,;]/).map((word) => word.trim());
  const given = words.filter((word) => word !== '');
  return [...before, ...(given.length === 0 ? [text] : given).map(listenAddress)];
}

/** The address of the HTTP listener (`--http`). */
export interface HttpAddress {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

/** Parses `--http`: a port of loopback (-1: any free one), or host:port. Port 0 is `off`. */
export function httpAddress(text: string): HttpAddress | 'off' {
  const [, host = '', digits = ''] = /^(?:(.+):)?(-1|\d{1,5})$/.exec(text) ?? [];
  if (digits === '' || Number(digits) > 65_535 || /^[^[].*:/.test(host)) {
    throw new InvalidArgumentError('Give a port, host:port or [v6]:port.');
  }
  const port = Number(digits);
  if (port === 0) return 'off';
  const where = host === '' ? LOOPBACK : listenAddress(host).host;
  return { host: where, port: Math.max(port, 0) };
}

export function endpointsOf(flags: ListenFlags): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  const { unixPath, plainPort } = flags;
  if (unixPath !== undefined) {
    endpoints.push({ kind: 'unix', path: unixPath, mode: flags.unixMode });
  }
  const hosts = flags.listen.length > 0 ? flags.listen : [{ host: LOOPBACK, port: undefined }];
  const port = flags.port ?? udpAsPort(flags.udpPort) ?? PORT_DEFAULT;
  if (unixPath === undefined || flags.listen.length > 0) {
    for (const address of hosts) {
      const own = address.port ?? port;
      if (own === 0) continue;
      const where = { host: address.host, port: Math.max(own, 0), ...tlsPart(address) };
      endpoints.push({ kind: 'tcp', ...where, plain: false });
    }
  }
  if (plainPort !== undefined && plainPort !== 0) {
    for (const address of hosts) {
      const where = { host: address.host, port: Math.max(plainPort, 0), ...tlsPart(address) };
      endpoints.push({ kind: 'tcp', ...where, plain: true });
    }
  }
  return endpoints;
}

/** Returns the refusal when two endpoints have the same host and port; otherwise undefined. */
export function sharedPlace(endpoints: readonly Endpoint[]): string | undefined {
  const seen = new Set<string>();
  for (const endpoint of endpoints) {
    if (endpoint.kind === 'unix' || endpoint.port === 0) continue;
    const { host, port } = endpoint;
    const place = `${host} ${port}`;
    if (seen.has(place))
      return `Port ${port} of ${host} is given twice: choose another (-p, -l, --plain-port, --http)`;
    seen.add(place);
  }
  return undefined;
}

/** Checks whether Kubernetes or Docker set CAIRN_PORT, or another such variable, for a service: the user did not. */
export function isServiceAddress(text: string): boolean {
  return /^(tcp|udp):\/\//.test(text);
}

function tlsPart({ tls }: ListenAddress): { readonly tls?: TlsMode } {
  return tls === undefined ? {} : { tls };
}

/** Returns the TLS mode of a listener. Unix sockets follow the same rules as TCP. */
export function tlsModeOf(endpoint: Endpoint, config: TlsWishes | undefined): TlsMode {
  if (config === undefined) return 'none';
  if (endpoint.kind === 'tcp' && endpoint.tls !== undefined) return endpoint.tls;
  if (config.clientsNeedCertificates) return 'verified';
  return config.asksForCertificates ? 'asked' : 'unverified';
}

interface TlsWishes {
  readonly asksForCertificates: boolean;
  readonly clientsNeedCertificates: boolean;
}

/** True when only this machine can reach the endpoint. */
export function isLocal(endpoint: Endpoint): boolean {
  return endpoint.kind === 'unix' || isLoopback(endpoint.host);
}

/** True for a name or an address of loopback, as the operator wrote it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (host.startsWith('127.') && net.isIPv4(host));
}

/** memcached: `-U N` without `-p` sets both. */
function udpAsPort(udpPort: number | undefined): number | undefined {
  return udpPort === undefined || udpPort === 0 ? undefined : udpPort;
}

function listenAddress(text: string): ListenAddress {
  const prefix = /^(notls|btls|mtls):(?=.)/.exec(text)?.[1];
  const word = prefix === undefined ? text : text.slice(prefix.length + 1);
  const match =
    /^\[(?<host>[0-9a-f:.%\w]+)\](?::(?<port>\d+))?$/i.exec(word) ??
    /^(?<host>[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.%\w]*)$/i.exec(word) ??
    /^(?<host>[\w.*-]+)(?::(?<port>\d+))?$/.exec(word);
  const host = match?.groups?.['host'];
  const port = match?.groups?.['port'];
  if (host === undefined || Number(port ?? 0) > 65_535) {
    throw new InvalidArgumentError(
      `'${text}' is not an address: give host, host:port or [v6]:port.`,
    );
  }
  return {
    host,
    port: port === undefined ? undefined : Number(port),
    ...(prefix === undefined ? {} : { tls: TLS_PREFIXES[prefix]! }),
  };
}
