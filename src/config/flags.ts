// The command line of kv-server: memcached's flags under the names that its users know, and our own. One table gives
// the help, defaults, environment names, settings of a file, man pages, completions and the tables of
// docs/configuration.md. Order of precedence: flag, environment, file, default (config/sources.ts).
// WITHOUT_EFFECT lists the flags that are accepted without effect; --check-config and a start with -v name those given.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import {
  CACHE_BYTES_DEFAULT,
  COMPACT_MIN_BYTES_DEFAULT,
  COMPACT_RATIO_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
} from '../defaults.js';
import {
  GIB,
  KEY_BYTES_LIMIT,
  KEY_BYTES_MAX_DEFAULT,
  KIB,
  MIB,
  VALUE_BYTES_LIMIT,
  VALUE_BYTES_MAX_DEFAULT,
} from '../limits.js';
import { printableLines } from '../printable.js';
import { httpAddress, listenAddresses } from './addresses.js';
import { explained } from './refusals.js';
import { applyEnvironment, applyFile, environmentName, watchFlags } from './sources.js';
import type { SettingOrigins, SettingsFile } from './sources.js';
import { storePlace } from './store-place.js';
import { count, duration, octalMode, path, ratio, size, sizeText } from './values.js';

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** Flags of memcached that have no effect here: attribute name → reason. */
export const WITHOUT_EFFECT = {
  threads: 'one thread serves all connections',
  lockMemory: 'values live on disk',
  enableCoredumps: 'the limit of the system decides',
  slabGrowthFactor: 'there are no slabs',
  slabMinSize: 'there are no slabs',
  enableLargepages: 'there are no slabs',
  memoryFile: 'everything is durable without it',
  napiIds: 'one thread serves all connections',
} as const satisfies Readonly<Record<string, string>>;

interface ParsedFlags {
  readonly values: Readonly<Record<string, unknown>>;
  /** Attribute names that a flag, the environment or the file gave. */
  readonly given: ReadonlySet<string>;
  /** Origin and words of each setting, by attribute name. */
  readonly origins: SettingOrigins;
  readonly options: readonly Option[];
}

/** Attribute names of the flags that only a data directory has; a store in a cluster refuses them. */
export const LOCAL_ONLY: readonly string[] = [
  'data',
  'maxKeys',
  'maxBytes',
  'memcachedLimits',
  'disableEvictions',
  'maxIdle',
  'segmentSize',
  'compactRatio',
  'compactMin',
  'snapshot',
  'keepHistory',
  'historyBytes',
  'logExpiries',
  'scrubRate',
  'acceptClock',
  'httpBackup',
];

/** The output and the exit code of a process that does not serve. */
export interface Exit {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Parses without printing or exiting; `version` is the text that `-V` prints, `file` the file that `--config` named. */
export function parseFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  version: string,
  file?: SettingsFile,
): ParsedFlags | Exit {
  let stdout = '';
  let stderr = '';
  const program = commandOf(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => (stdout += text),
      // A message repeats the word that it is about. A password in a URL must not be repeated with it.
      writeErr: (text) => (stderr += printableLines(withoutSecrets(text))),
    });
  const origins = watchFlags(program);
  try {
    program.parse([...argv], { from: 'user' });
    applyEnvironment(program, env, origins);
    if (file !== undefined) applyFile(program, file, origins);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { code: 0, stdout, stderr };
    const better = explained(error, program, argv, env);
    return better === undefined ? { code: EXIT_USAGE, stdout, stderr } : usageExit(better);
  }
  const values: Record<string, unknown> = program.opts();
  const names = Object.keys(values);
  const given = new Set(names.filter((name) => program.getOptionValueSource(name) !== 'default'));
  return { values, given, origins, options: program.options };
}

/** Returns the path of `--config`; undefined when none is named or the command line does not parse. */
export function configPathOf(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  // Few command lines have --config. All others are parsed once only.
  const isNamed = argv.some((word) => word.startsWith('--config'));
  if (!isNamed && (env['CAIRN_CONFIG'] ?? '') === '') return undefined;
  const parsed = parseFlags(argv, env, '');
  return 'code' in parsed ? undefined : (parsed.values['config'] as string | undefined);
}

const EXIT_USAGE = 64;

/** Returns the text without the login and the secret parameters of its URLs. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/\/\/[^/@\s']*@/g, '//…@')
    .replaceAll(/([?&](?:pass\w*|auth|token|secret)=)[^&\s']*/gi, '$1…');
}

/** Returns the refusal, with exit code 64, of a combination that parses but is impossible. */
export function usageExit(message: string): Exit {
  return { code: EXIT_USAGE, stdout: '', stderr: `error: ${message}\n${HINT}\n` };
}

const HINT = "Try 'kv-server --help'.";

function commandOf(version: string): Command {
  const program = new Command('kv-server')
    .description('A memcached-compatible key-value server: STORED means the write is on disk.')
    .usage('[options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError(HINT)
    .addHelpText('after', EXAMPLES);
  for (const [group, options] of Object.entries(GROUPS)) {
    for (const option of options) program.addOption(option.helpGroup(`${group}:`));
  }
  return program;
}

const EXAMPLES = `
Every flag has an environment variable, as shown, and a setting of its long name in the file of --config. A flag
wins over the environment, and the environment over the file. docs/configuration.md explains them all.
Exit codes: 0 an orderly stop, 64 wrong use, 65 damage found, 66 no store where one was expected, 70 a bug or a second
signal, 71 an address in use, or the clock is behind the store, 74 I/O or no room, 75 another process has the directory,
77 no permission, 79 a write failed, or the log was removed. docs/errors.md says after which a restart helps.

Examples:
  kv-server                                  serve 127.0.0.1:11211 from ./data
  kv-server -p 8080 --data /var/lib/cairn    another port and place
  kv-server -l 0.0.0.0 -Y users.txt          the network, with user:password lines
  kv-server -s /run/cairn.sock -a 770        a unix socket instead of TCP
  kv-server --max-bytes 10g                  evict the least recently used above 10 GB
  kv-server --store etcd://h1,h2,h3          items in a cluster of etcd (docs/cluster.md)
  kv-server --config cairn.toml              settings from a file
  kv-server --check-config                   print every setting and its source
`;

function flag(flags: string, description: string, parse?: (text: string) => unknown): Option {
  const option = new Option(flags, description);
  return parse === undefined ? option : option.argParser(parse);
}

function withEnvironment(options: readonly Option[]): readonly Option[] {
  for (const option of options) {
    option.description += ` (${environmentName(option)})`;
    // Commander prints a default only when it is a value, and these are known by their absence.
    const { defaultValue, defaultValueDescription = '' } = option;
    if (defaultValue === undefined && defaultValueDescription !== '') {
      option.description += ` (default: ${defaultValueDescription})`;
    }
  }
  return options;
}

const collectWords = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== ''),
];

function snapshotMode(text: string): string | number {
  if (text === 'never' || text === 'compact') return text;
  if (/^\d/.test(text)) return duration(1000)(text);
  throw new InvalidArgumentError('Give never, compact, or a time such as 10m, 1h or 7d.');
}

const GROUPS: Readonly<Record<string, readonly Option[]>> = {
  Listening: withEnvironment([
    flag('-p, --port <n>', 'TCP port; -1: any free one, 0: none', count(-1, 65_535)).default(
      undefined,
      '11211',
    ),
    flag(
      '-l, --listen <addresses>',
      'host or host:port, or a list; notls: or mtls: in front; may be repeated',
    )
      .argParser(listenAddresses)
      .default(undefined, '127.0.0.1'),
    flag('-s, --unix-socket <path>', 'listen on a unix socket instead of TCP', path),
    flag('-a, --unix-mask <mode>', 'permissions of the socket', octalMode).default(0o700, '700'),
    flag('--plain-port <n>', 'another port that answers in the plain form', count(-1, 65_535)),
    flag(
      '--http <address>',
      'port or host:port for the page, metrics, health and changes; 0: none',
      httpAddress,
    ),
    flag('--dialect <name>', 'commands to accept; memcached refuses the short forms')
      .choices(['both', 'memcached'])
      .default('both'),
    flag('-B, --protocol <name>', 'protocols to accept')
      .choices(['auto', 'auto-negotiate', 'ascii', 'binary'])
      .default('auto'),
    flag('-U, --udp-port <n>', 'UDP is not offered; 0 is accepted', count(-1, 65_535)),
    flag('-b, --listen-backlog <n>', 'pending connections', count(1, 65_535)).default(1024),
    flag('-c, --conn-limit <n>', 'connections at the same time', count(1, 1_000_000)).default(1024),
    flag(
      '--idle-timeout <time>',
      'close a connection without requests; 0: never',
      duration(0),
    ).default(0, '0'),
    flag(
      '--stall-timeout <time>',
      'close a connection with an unfinished request or unread replies; 0: never',
      duration(0),
    ).default(60_000, '60s'),
    flag('-R, --max-reqs-per-event <n>', 'requests of one client before the others have their turn')
      .argParser(count(1, 1_000_000))
      .default(256),
  ]),
  Data: withEnvironment([
    flag('--data <dir>', 'the data directory', path).default('./data'),
    flag(
      '--store <url>',
      'keep the items in a cluster: etcd://host,… or redis://host,…',
      storePlace,
    ),
    flag('--store-auth-file <file>', 'user:password for the cluster of --store', path),
    flag(
      '-m, --memory-limit <megabytes>',
      'memory for hot values',
      size(MIB, NO_LIMIT, MIB),
    ).default(CACHE_BYTES_DEFAULT, '64'),
    flag(
      '-I, --max-item-size <size>',
      'longest value, 1k to 1g',
      size(KIB, VALUE_BYTES_LIMIT),
    ).default(VALUE_BYTES_MAX_DEFAULT, '1m'),
    flag('--max-key-bytes <n>', 'longest key', count(1, KEY_BYTES_LIMIT)).default(
      KEY_BYTES_MAX_DEFAULT,
    ),
    flag('--max-keys <n>', 'evict above this many keys; 0: no bound', count(0, NO_LIMIT)).default(
      0,
    ),
    flag(
      '--max-bytes <size>',
      'evict above this size of the store; 0: no bound',
      size(0, NO_LIMIT),
    ).default(0, '0'),
    flag('--memcached-limits', '-m bounds the store too, as --max-bytes does'),
    flag('-M, --disable-evictions', 'refuse writes above the bounds instead of evicting'),
    flag(
      '--max-idle <time>',
      'remove keys that nobody has used for this long; 0: never',
      duration(0),
    ).default(0, '0'),
    flag('--segment-size <size>', 'bytes of a log file', size(MIB, 4 * GIB)).default(
      SEGMENT_BYTES_DEFAULT,
      sizeText(SEGMENT_BYTES_DEFAULT),
    ),
    flag(
      '--compact-ratio <share>',
      'compact segments with this share of dead bytes',
      ratio,
    ).default(COMPACT_RATIO_DEFAULT),
    flag('--compact-min <size>', 'dead bytes before compaction starts', size(0, NO_LIMIT)).default(
      COMPACT_MIN_BYTES_DEFAULT,
      sizeText(COMPACT_MIN_BYTES_DEFAULT),
    ),
    flag(
      '--snapshot <when>',
      'write a snapshot: never, compact (after a compaction) or an interval',
      snapshotMode,
    ).default('compact'),
    flag(
      '--keep-history <duration>',
      'keep replaced records this long, so that any moment can be read; 0: none',
      duration(0),
    ).default(0, '0'),
    flag(
      '--history-bytes <size>',
      'remove the oldest history above this size; 0: no bound',
      size(0, NO_LIMIT),
    ).default(0, '0'),
    flag('--log-expiries', 'write a record for each expiry, so that the change feed has it'),
    flag(
      '--scrub-rate <size>',
      'bytes per second to read again in search of damage; 0: off',
      size(0, NO_LIMIT),
    ).default(0, '0'),
    flag('--accept-clock', 'start although the clock is a day behind the log'),
    flag('-C, --disable-cas', 'report CAS as disabled'),
  ]),
  Access: withEnvironment([
    flag('-S, --enable-sasl', 'SASL PLAIN in the binary protocol, with the users of -Y'),
    flag('-Y, --auth-file <file>', 'user:password lines; clients must authenticate', path),
    flag(
      '--http-token-file <file>',
      'file with the token that other machines send to --http',
      path,
    ),
    flag('--http-write', 'the page of --http may set and delete keys'),
    flag('--http-backup <dir>', 'directory into which the page of --http may back up', path),
    flag('-Z, --enable-ssl', 'TLS, with -o ssl_chain_cert=<file>,ssl_key=<file>'),
    flag('-A, --enable-shutdown', 'allow the shutdown command'),
    flag('-F, --disable-flush-all', 'refuse flush_all'),
    flag('-X, --disable-dumping', 'refuse cachedump and metadump'),
    flag('-W, --disable-watch', 'refuse watch'),
  ]),
  Process: withEnvironment([
    flag('--config <file>', 'settings as TOML: the long names of the flags', path),
    flag('--check-config', 'print every setting and its source, and start nothing'),
    flag('-v, --verbose', 'log connections, errors and events; -vv: requests and replies too')
      .argParser((_: unknown, before: number) => before + 1)
      .default(0),
    flag('--log-format <name>', 'form of the log lines').choices(['text', 'json']).default('text'),
    flag('-d, --daemon', 'run in the background'),
    flag('-P, --pidfile <file>', 'write the process id to a file', path),
    flag('-u, --user <name>', 'run as this user when started as root'),
    flag(
      '-o, --extended <options>',
      'idle_timeout=<s>, ssl_*; slab and LRU options have no effect',
    ).argParser(collectWords),
    flag('-D, --delimiter <char>', 'ends the prefix that stats detail counts by').default(':'),
  ]),
  'Accepted without effect': withEnvironment([
    flag('-t, --threads <n>', WITHOUT_EFFECT.threads, count(1, 1024)).default(4),
    flag('-k, --lock-memory', WITHOUT_EFFECT.lockMemory),
    flag('-r, --enable-coredumps', WITHOUT_EFFECT.enableCoredumps),
    flag('-L, --enable-largepages', WITHOUT_EFFECT.enableLargepages),
    flag('-f, --slab-growth-factor <n>', WITHOUT_EFFECT.slabGrowthFactor),
    flag('-n, --slab-min-size <n>', WITHOUT_EFFECT.slabMinSize),
    flag('-e, --memory-file <file>', WITHOUT_EFFECT.memoryFile),
    flag('-N, --napi-ids', WITHOUT_EFFECT.napiIds),
  ]),
};
