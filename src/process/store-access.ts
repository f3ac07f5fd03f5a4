// Access to the cluster that `--store` names: reads the certificates and the login from their files, for the server and
// for kv-dump alike (docs/cluster.md, "The URL").
//
// Invariant: no message holds a password.

import type { Config } from '../config/config.js';
import type { StorePlace, TlsFiles } from '../config/store-place.js';
import { readOptionFile } from '../env/option-file.js';
import { KvError } from '../errors.js';

interface Certificates {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

interface Login {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

interface StoreAccess extends Login {
  /** host:port of some nodes. */
  readonly hosts: readonly string[];
  /** In PEM; undefined: no TLS. */
  readonly tls: Certificates | undefined;
}

/** The source of the login: a file, or without one `storeAuth`, the text of CAIRN_STORE_AUTH. */
export type StoreLogin = Pick<Config, 'storeAuth' | 'storeAuthFile'>;

/** Reads without connecting. Throws KV_BAD_OPTION for a file that cannot be used, KV_NO_PERMISSION without permission. */
export function readStoreAccess(place: StorePlace, login: StoreLogin): StoreAccess {
  const tls = place.tls === undefined ? undefined : certificatesOf(place.tls);
  return { hosts: place.hosts, tls, ...loginOf(login) };
}

/** Parses `user:password`, or `:password` for a cluster without users. */
function loginOf({ storeAuth, storeAuthFile }: StoreLogin): Login {
  const text = storeAuthFile === undefined ? storeAuth : readFile(storeAuthFile).toString('utf8');
  if (text === undefined || text === '') return { user: undefined, password: undefined };
  const line = text.split(/\r?\n/, 1)[0]!;
  const colon = line.indexOf(':');
  if (colon < 0) {
    const place = storeAuthFile ?? 'CAIRN_STORE_AUTH';
    throw new KvError('KV_BAD_OPTION', `${place}: the first line is not user:password`);
  }
  const user = line.slice(0, colon);
  return { user: user === '' ? undefined : user, password: line.slice(colon + 1) };
}

function certificatesOf({ caPath, certPath, keyPath }: TlsFiles): Certificates {
  return { ca: named(caPath), cert: named(certPath), key: named(keyPath) };
}

function named(path: string | undefined): Buffer | undefined {
  return path === undefined ? undefined : readFile(path);
}

function readFile(path: string): Buffer {
  return readOptionFile('A file of --store', path);
}
