// The configuration: turns flags, environment and file into one frozen, validated Config. Everything that can be
// refused is refused here, before a file or a socket is touched. No module below reads the command line or the
// environment. The flags are in config/flags.ts; docs/configuration.md documents them.

import { INLINE_VALUE_BYTES_MAX, MIB } from '../limits.js';
import { endpointsOf, isLoopback, sharedPlace } from './addresses.js';
import type { Endpoint, HttpAddress, ListenAddress } from './addresses.js';
import { extendedOf, tlsOf, tlsWithoutZ, type TlsConfig } from './extended.js';
import { LOCAL_ONLY, parseFlags, usageExit, WITHOUT_EFFECT, type Exit } from './flags.js';
import { composeSettings, withPlaces } from './origins.js';
import type { SettingsFile } from './sources.js';
import type { StorePlace } from './store-place.js';
import { sizeText } from './values.js';

export type { Endpoint } from './addresses.js';
export type { TlsConfig } from './extended.js';
export type { Exit } from './flags.js';

export interface Config {
  readonly endpoints: readonly Endpoint[];
  /** Address that serves the page, metrics and health; undefined: none. */
  readonly http: HttpAddress | undefined;
  readonly httpTokenFile: string | undefined;
  /** The page of --http may set and delete keys. */
  readonly httpWrites: boolean;
  /** Directory into which the page of --http may write backups; undefined: it may not back up. */
  readonly httpBackupDir: string | undefined;
  readonly backlog: number;
  readonly connectionsMax: number;
  /** 0: never. */
  readonly idleTimeoutMs: number;
  /** 0: never. */
  readonly stallTimeoutMs: number;
  readonly requestsPerTurn: number;
  readonly protocol: 'auto' | 'text' | 'binary';
  /** The short forms of the plain dialect on the ordinary port. */
  readonly shortForms: boolean;
  /** File to which the server writes the ports it chose; memcached's test suites need it. */
  readonly portFile: string | undefined;

  readonly dataDir: string;
  /** Undefined: the items are in the data directory. */
  readonly store: StorePlace | undefined;
  readonly storeAuthFile: string | undefined;
  /** user:password, from the environment. */
  readonly storeAuth: string | undefined;
  readonly cacheBytes: number;
  readonly valueBytesMax: number;
  readonly keyBytesMax: number;
  /** 0: no bound. */
  readonly keysMax: number;
  readonly storeBytesMax: number;
  /** -m and cache_memlimit bound the store as well: storeBytesMax has the value of -m. */
  readonly memcachedLimits: boolean;
  readonly evicts: boolean;
  readonly maxIdleMs: number;
  readonly segmentBytes: number;
  readonly compactRatio: number;
  readonly compactMinBytes: number;
  /** A number is the interval in ms; `compact`: after each compaction. */
  readonly snapshot: 'never' | 'compact' | number;
  readonly keepHistoryMs: number;
  readonly historyBytesMax: number;
  readonly logsExpiries: boolean;
  readonly scrubBytesPerSecond: number;
  readonly acceptsClock: boolean;

  readonly authFile: string | undefined;
  readonly sasl: boolean;
  readonly tls: TlsConfig | undefined;
  readonly shutdownEnabled: boolean;
  readonly flushEnabled: boolean;
  readonly dumpEnabled: boolean;
  readonly watchEnabled: boolean;
  readonly casEnabled: boolean;

  readonly verbosity: number;
  readonly logFormat: 'text' | 'json';
  readonly daemon: boolean;
  readonly pidFile: string | undefined;
  readonly user: string | undefined;
  readonly threads: number;
  readonly prefixDelimiter: string;
  /** Settings that were accepted and have no effect, one sentence each. */
  readonly notes: readonly string[];
  /** Settings that were accepted and are most likely not what the operator meant, one sentence each. */
  readonly warnings: readonly string[];
}

/** Reads the settings; `argv` is without the program's name. Never prints, never exits, opens no file or socket. */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  version: string,
  file?: SettingsFile,
): Config | Exit {
  const parsed = parseFlags(argv, env, version, file);
  if ('code' in parsed) return parsed;
  const flags = parsed.values as unknown as Flags;
  const config = combined(flags, parsed.given, env);
  if ('code' in config) return withPlaces(config, parsed);
  if (flags.checkConfig !== true) return config;
  const stderr = [...config.notes, ...config.warnings].map((line) => `${line}\n`).join('');
  return { code: 0, stdout: composeSettings(parsed), stderr };
}

function combined(flags: Flags, given: ReadonlySet<string>, env: Environment): Config | Exit {
  const refusal = refusalOf(flags, given, env);
  if (refusal !== undefined) return usageExit(refusal);
  const extended = extendedOf(flags.extended ?? []);
  if ('code' in extended) return extended;
  const unencrypted = flags.enableSsl === true ? undefined : tlsWithoutZ(extended);
  if (unencrypted !== undefined) return usageExit(unencrypted);
  const tls = flags.enableSsl === true ? tlsOf(extended.tls) : undefined;
  if (tls !== undefined && 'code' in tls) return tls;
  const unlike = tlsRefusalOf(flags, tls);
  if (unlike !== undefined) return usageExit(unlike);
  const notes = [
    ...Object.entries(WITHOUT_EFFECT)
      .filter(([name]) => given.has(name))
      .map(([name, why]) => `--${kebab(name)} has no effect: ${why}`),
    ...(flags.store !== undefined && given.has('memoryLimit')
      ? ['-m has no effect with --store: hot values are kept by the cluster']
      : []),
    ...extended.ignored.map((name) => `-o ${name} has no effect`),
  ];
  const config = configOf(flags, env, { tls, notes, idleTimeoutMs: extended.idleTimeoutMs });
  const { http, endpoints } = config;
  const places = http === undefined ? [] : [{ kind: 'tcp', plain: false, ...http } as const];
  const shared = sharedPlace([...endpoints, ...places]);
  return shared === undefined ? config : usageExit(shared);
}

/** The values that commander parses by the table in config/flags.ts. */
interface Flags {
  readonly port?: number;
  readonly listen?: readonly ListenAddress[];
  readonly unixSocket?: string;
  readonly unixMask: number;
  readonly plainPort?: number;
  readonly http?: HttpAddress | 'off';
  readonly httpTokenFile?: string;
  readonly httpWrite?: boolean;
  readonly httpBackup?: string;
  readonly dialect: 'both' | 'memcached';
  readonly protocol: string;
  readonly udpPort?: number;
  readonly listenBacklog: number;
  readonly connLimit: number;
  readonly idleTimeout: number;
  readonly stallTimeout: number;
  readonly maxReqsPerEvent: number;
  readonly data: string;
  readonly store?: StorePlace;
  readonly storeAuthFile?: string;
  readonly memoryLimit: number;
  readonly maxItemSize: number;
  readonly maxKeyBytes: number;
  readonly maxKeys: number;
  readonly maxBytes: number;
  readonly memcachedLimits?: boolean;
  readonly disableEvictions?: boolean;
  readonly maxIdle: number;
  readonly segmentSize: number;
  readonly compactRatio: number;
  readonly compactMin: number;
  readonly snapshot: 'never' | 'compact' | number;
  readonly keepHistory: number;
  readonly historyBytes: number;
  readonly logExpiries?: boolean;
  readonly scrubRate: number;
  readonly acceptClock?: boolean;
  readonly disableCas?: boolean;
  readonly enableSasl?: boolean;
  readonly authFile?: string;
  readonly enableSsl?: boolean;
  readonly enableShutdown?: boolean;
  readonly disableFlushAll?: boolean;
  readonly disableDumping?: boolean;
  readonly disableWatch?: boolean;
  readonly checkConfig?: boolean;
  readonly verbose: number;
  readonly logFormat: 'text' | 'json';
  readonly daemon?: boolean;
  readonly pidfile?: string;
  readonly user?: string;
  readonly extended?: readonly string[];
  readonly threads: number;
  readonly delimiter: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the refusal of an impossible combination; memcached refuses the same ones. */
function refusalOf(flags: Flags, given: ReadonlySet<string>, env: Environment): string | undefined {
  if (flags.enableSasl === true && authFileOf(flags, env) === undefined) {
    return '-S needs the users: give -Y <file> with user:password lines';
  }
  // Values live on disk, so the default of -m does not limit -I. A value of -m that the user gave does.
  const limits = flags.memcachedLimits === true;
  if ((given.has('memoryLimit') || limits) && flags.maxItemSize > flags.memoryLimit / 2) {
    return '-I must not be above half of the memory of -m';
  }
  if (flags.maxBytes !== 0 && flags.maxBytes < MIB) {
    return '--max-bytes is at least 1m, or 0: no bound';
  }
  if (limits && flags.maxBytes !== 0) {
    return '--memcached-limits bounds the store by -m: leave out --max-bytes';
  }
  const http = httpOf(flags);
  if (http !== undefined && !isLoopback(http.host) && flags.httpTokenFile === undefined) {
    return `--http ${http.host} is reached from other machines: give --http-token-file <file> with a token, or listen on 127.0.0.1`;
  }
  const elsewhere = clusterRefusalOf(flags, given);
  if (elsewhere !== undefined) return elsewhere;
  if (flags.delimiter.length !== 1) return '-D takes one character';
  return undefined;
}

/** Returns the refusal of flags that a store in a cluster does not support. */
function clusterRefusalOf(flags: Flags, given: ReadonlySet<string>): string | undefined {
  if (flags.store === undefined) {
    return given.has('storeAuthFile') ? '--store-auth-file is for --store <url>' : undefined;
  }
  const local = LOCAL_ONLY.filter((name) => given.has(name)).map((name) => `--${kebab(name)}`);
  if (local.length > 0) {
    return `${local.join(', ')}: only for a data directory; with --store the items are in a cluster`;
  }
  if (flags.maxItemSize > INLINE_VALUE_BYTES_MAX) {
    return '-I is at most 1m with --store: a cluster takes no longer values';
  }
  return undefined;
}

function warningsOf({ udpPort, maxBytes, segmentSize }: Flags): string[] {
  const warnings: string[] = [];
  if (udpPort !== undefined && udpPort !== 0) {
    warnings.push('UDP is not offered (-U): clients that use it get no answer');
  }
  if (maxBytes !== 0 && maxBytes < segmentSize) {
    const sizes = `${sizeText(maxBytes)} is less than one log file (--segment-size ${sizeText(segmentSize)})`;
    warnings.push(`--max-bytes ${sizes}: the directory will be larger than that`);
  }
  return warnings;
}

/** Returns the refusal of an address of -l whose TLS mode the other settings do not allow. */
function tlsRefusalOf({ listen = [] }: Flags, tls: TlsConfig | undefined): string | undefined {
  if (tls === undefined && listen.some((address) => address.tls !== undefined)) {
    return 'notls, btls and mtls before an address of -l need -Z';
  }
  if (tls?.caCertPath === undefined && listen.some((address) => address.tls === 'verified')) {
    return 'mtls before an address of -l needs -o ssl_ca_cert=<file>, the authority of the client certificates';
  }
  return undefined;
}

function configOf(
  flags: Flags,
  env: Environment,
  more: Pick<Config, 'tls' | 'notes'> & { idleTimeoutMs: number | undefined },
): Config {
  const protocols = { ascii: 'text', binary: 'binary' } as const;
  return Object.freeze({
    endpoints: endpointsOf({
      listen: flags.listen ?? [],
      port: flags.port,
      udpPort: flags.udpPort,
      plainPort: flags.plainPort,
      unixPath: flags.unixSocket,
      unixMode: flags.unixMask,
    }),
    http: httpOf(flags),
    httpTokenFile: flags.httpTokenFile,
    httpWrites: flags.httpWrite === true,
    httpBackupDir: flags.httpBackup,
    backlog: flags.listenBacklog,
    connectionsMax: flags.connLimit,
    idleTimeoutMs: more.idleTimeoutMs ?? flags.idleTimeout,
    stallTimeoutMs: flags.stallTimeout,
    requestsPerTurn: flags.maxReqsPerEvent,
    protocol: protocols[flags.protocol as keyof typeof protocols] ?? 'auto',
    shortForms: flags.dialect === 'both',
    portFile: env['MEMCACHED_PORT_FILENAME'],
    dataDir: flags.data,
    store: flags.store,
    storeAuthFile: flags.storeAuthFile,
    storeAuth: env['CAIRN_STORE_AUTH'],
    cacheBytes: flags.memoryLimit,
    valueBytesMax: flags.maxItemSize,
    keyBytesMax: flags.maxKeyBytes,
    keysMax: flags.maxKeys,
    storeBytesMax: flags.memcachedLimits === true ? flags.memoryLimit : flags.maxBytes,
    memcachedLimits: flags.memcachedLimits === true,
    evicts: flags.disableEvictions !== true,
    maxIdleMs: flags.maxIdle,
    segmentBytes: flags.segmentSize,
    compactRatio: flags.compactRatio,
    compactMinBytes: flags.compactMin,
    snapshot: flags.snapshot,
    keepHistoryMs: flags.keepHistory,
    historyBytesMax: flags.historyBytes,
    logsExpiries: flags.logExpiries === true,
    scrubBytesPerSecond: flags.scrubRate,
    acceptsClock: flags.acceptClock === true,
    authFile: authFileOf(flags, env),
    sasl: flags.enableSasl === true,
    tls: more.tls,
    shutdownEnabled: flags.enableShutdown === true,
    flushEnabled: flags.disableFlushAll !== true,
    dumpEnabled: flags.disableDumping !== true,
    watchEnabled: flags.disableWatch !== true,
    casEnabled: flags.disableCas !== true,
    verbosity: flags.verbose,
    logFormat: flags.logFormat,
    daemon: flags.daemon === true,
    pidFile: flags.pidfile,
    user: flags.user,
    threads: flags.threads,
    prefixDelimiter: flags.delimiter,
    notes: more.notes,
    warnings: warningsOf(flags),
  });
}

function httpOf({ http }: Flags): HttpAddress | undefined {
  return http === 'off' ? undefined : http;
}

/** memcached's own SASL tests name their file of users in MEMCACHED_SASL_PWDB. */
function authFileOf(flags: Flags, env: Environment): string | undefined {
  if (flags.authFile !== undefined) return flags.authFile;
  return flags.enableSasl === true ? env['MEMCACHED_SASL_PWDB'] : undefined;
}

function kebab(attribute: string): string {
  return attribute.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
