// Access to a cluster that `--store` names: the certificates and the login, read from their files, for the server and for
// kv-dump alike (docs/cluster.md, "The URL").
//
// Invariant: a password is in no message.

import fs from 'node:fs';

import type { Config } from '../config/config.js';
import type { StorePlace, TlsFiles } from '../config/store-place.js';
import { optionFileFailure } from '../env/file-failure.js';
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

/** Where the login stands: in a file, else in CAIRN_STORE_AUTH, whose text `storeAuth` is. */
export type StoreLogin = Pick<Config, 'storeAuth' | 'storeAuthFile'>;

/** Connects to nothing. Throws KV_BAD_OPTION for a file that cannot be used, KV_NO_PERMISSION for one that may not be read. */
export function readStoreAccess(place: StorePlace, login: StoreLogin): StoreAccess {
  const tls = place.tls === undefined ? undefined : certificatesOf(place.tls);
  return { hosts: place.hosts, tls, ...loginOf(login) };
}

/** `user:password`, or `:password` where there are no users. */
function loginOf({ storeAuth, storeAuthFile }: StoreLogin): Login {
  const text = storeAuthFile === undefined ? storeAuth : readFile(storeAuthFile).toString('utf8');
  if (text === undefined || text === '') return { user: undefined, password: undefined };
  const line = text.split(/\r?\n/, 1)[0]!;
  const colon = line.indexOf(':');
  if (colon < 0) {
    const place = storeAuthFile ?? 'CAIRN_STORE_AUTH';
    throw new KvError('KV_BAD_OPTION', `${place}: the first line is no user:password`);
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
  try {
    return fs.readFileSync(path);
  } catch (error) {
    throw optionFileFailure(path, undefined, error);
  }
}
