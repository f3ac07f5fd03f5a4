// Access to the cluster that `--store` names: reads the certificates and the login from their files, for the server and
// for kv-dump alike (docs/cluster.md, "The URL").
//
// Invariant: no message holds a password.

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

import type { Config } from '../config/config.js';
import type { StorePlace, TlsFiles } from '../config/store-place.js';
import { readOptionFile } from '../env/option-file.js';
import { failureText, KvError } from '../errors.js';

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
  const [ca, cert, key] = [named(caPath), named(certPath), named(keyPath)];
  if (ca !== undefined) tried(caPath!, () => new X509Certificate(ca));
  if (cert !== undefined)
    tried(`${certPath!} with ${keyPath!}`, () => createSecureContext({ cert, key }));
  return { ca, cert, key };
}

/** Throws KV_BAD_OPTION when `use` throws. Otherwise the first connection would, without the name of the file. */
function tried(what: string, use: () => unknown): void {
  try {
    use();
  } catch (cause) {
    const { reason = failureText(cause) } = cause as { readonly reason?: string };
    const message = `${what} cannot be used for TLS: ${reason}; see ca=, cert= and key= of --store`;
    throw new KvError('KV_BAD_OPTION', message, { cause });
  }
}

function named(path: string | undefined): Buffer | undefined {
  return path === undefined ? undefined : readFile(path);
}

function readFile(path: string): Buffer {
  return readOptionFile('A file of --store', path);
}
