// `--store`: parses the URL of the cluster that holds the items, with the options of its use (docs/cluster.md).
// Without `--store` the items are in the data directory.
//
//   etcd://host[:2379],…[/prefix]                 etcds:// with TLS
//   redis://host[:6379],…[?replicas=1&reads=strict&durability=disk]      rediss:// with TLS
//   ?ca=<file>&cert=<file>&key=<file>             with TLS: the authority of the nodes' certificates, and this server's own certificate
//
// Invariant: a URL holds no user and no password, because every user of the machine can read it in the process list.

import { InvalidArgumentError } from 'commander';

interface Place {
  /** host:port of some nodes; at least one. */
  readonly hosts: readonly string[];
  /** Undefined: no TLS. */
  readonly tls: TlsFiles | undefined;
}

/** Files in PEM. Without `caPath` Node's own authorities are trusted; without the others we show no certificate. */
export interface TlsFiles {
  readonly caPath: string | undefined;
  readonly certPath: string | undefined;
  readonly keyPath: string | undefined;
}

interface EtcdPlace extends Place {
  readonly kind: 'etcd';
  /** Stands before every key in etcd. */
  readonly prefix: string;
}

interface RedisPlace extends Place {
  readonly kind: 'redis';
  /** Number of replicas that must have a change before it is acknowledged. */
  readonly replicas: number;
  /** With `fast`, a value that a client has read may be gone after a failover. */
  readonly reads: 'strict' | 'fast';
  /** `memory` accepts nodes that do not sync each write, and so may lose acknowledged writes. */
  readonly durability: 'disk' | 'memory';
}

export type StorePlace = EtcdPlace | RedisPlace;

const PORTS = { etcd: 2379, redis: 6379 } as const;
const PREFIX_DEFAULT = 'cairn/';
const REPLICAS_MAX = 16;
const TLS_WORDS = ['ca', 'cert', 'key'];
const WORDS = { etcd: TLS_WORDS, redis: ['replicas', 'reads', 'durability', ...TLS_WORDS] };

/** Parses the URL of `--store`. Throws InvalidArgumentError that says what is wrong with it. */
export function storePlace(text: string): StorePlace {
  const match = /^(etcd|redis)(s?):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text);
  if (match === null) {
    throw new InvalidArgumentError(
      'Give etcd://host,host,host or redis://host,host,host (etcds, rediss: with TLS).',
    );
  }
  const kind = match[1] as 'etcd' | 'redis';
  const [, , s, names = '', path = '', query = ''] = match;
  if (names.includes('@')) {
    throw new InvalidArgumentError(
      'A password in a URL can be read by every user of the machine: give --store-auth-file <file> or CAIRN_STORE_AUTH.',
    );
  }
  const hosts = names.split(',').map((name) => hostOf(name.trim(), PORTS[kind]));
  const twice = hosts.find((host, at) => hosts.indexOf(host) !== at);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} is named twice.`);
  const words = wordsOf(query, WORDS[kind]);
  const tls = tlsOf(words, s === 's');
  if (kind === 'etcd') return { kind, hosts, tls, prefix: prefixOf(path) };
  if (path !== '')
    throw new InvalidArgumentError('A cluster of Redis has no databases: leave out the path.');
  return {
    kind,
    hosts,
    tls,
    replicas: replicasOf(words.get('replicas')),
    reads: choiceOf(words, 'reads', ['strict', 'fast']),
    durability: choiceOf(words, 'durability', ['disk', 'memory']),
  };
}

/** Composes the text for messages and stats: the kind and the hosts, without the options of the connection. */
export function storeText({ kind, hosts }: StorePlace): string {
  return `${kind} at ${hosts.join(', ')}`;
}

/** For other programs: the URL without the files of TLS, which are those of this machine. */
export function storeUrl(place: StorePlace): string {
  const { kind, hosts, tls } = place;
  const path = place.kind === 'etcd' ? `/${place.prefix}` : '';
  return `${kind}${tls === undefined ? '' : 's'}://${hosts.join(',')}${path}`;
}

function hostOf(name: string, portDefault: number): string {
  const [, host, port] = /^(\[[\da-fA-F:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/.exec(name) ?? [];
  if (host === undefined || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) {
    throw new InvalidArgumentError(`'${name}' is not a host, host:port or [v6]:port.`);
  }
  return `${host}:${port ?? portDefault}`;
}

function wordsOf(query: string, known: readonly string[]): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      throw new InvalidArgumentError(
        `There is no option ${name}=: after the ? give ${known.join(', ')}.`,
      );
    }
    if (words.has(name)) throw new InvalidArgumentError(`${name}= is given twice.`);
    words.set(name, value);
  }
  return words;
}

function tlsOf(words: ReadonlyMap<string, string>, isTls: boolean): TlsFiles | undefined {
  const [caPath, certPath, keyPath] = TLS_WORDS.map((word) => words.get(word));
  if (!isTls) {
    if ((caPath ?? certPath ?? keyPath) === undefined) return undefined;
    throw new InvalidArgumentError('ca=, cert= and key= are for etcds:// and rediss://.');
  }
  const empty = TLS_WORDS.find((word) => words.get(word) === '');
  if (empty !== undefined) throw new InvalidArgumentError(`${empty}= takes a file in PEM.`);
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw new InvalidArgumentError('cert= and key= belong together.');
  }
  return { caPath, certPath, keyPath };
}

function prefixOf(path: string): string {
  if (path === '') return PREFIX_DEFAULT;
  return path.endsWith('/') ? path : `${path}/`;
}

function replicasOf(text = '1'): number {
  const count = Number(text);
  if (/^\d{1,2}$/.test(text) && count <= REPLICAS_MAX) return count;
  throw new InvalidArgumentError(`replicas= takes 0 to ${REPLICAS_MAX}.`);
}

function choiceOf<T extends string>(
  words: ReadonlyMap<string, string>,
  name: string,
  choices: readonly [T, T],
): T {
  const value = words.get(name) ?? choices[0];
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw new InvalidArgumentError(`${name}= takes ${choices.join(' or ')}.`);
}
