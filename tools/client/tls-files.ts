// TLS files: checks the files of --cacert, --cert and --key before the connection: a failure of OpenSSL during the
// handshake would name neither the file nor the option.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

import { EXIT } from '../../src/exit-codes.js';
import { ToolError } from '../terminal/program.js';
import { readNamedFile } from '../terminal/named-file.js';
import type { TlsOptions } from './connection.js';

export interface TlsFiles {
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the files. Throws a ToolError with 64 for a file that is not what its option says, and the system's errors. */
export async function readTlsFiles(
  files: TlsFiles,
): Promise<Pick<TlsOptions, 'ca' | 'cert' | 'key'>> {
  const { cacert, cert, key } = files;
  if ((cert === undefined) !== (key === undefined))
    throw new ToolError(EXIT.usage, '--cert and --key belong together: give both');
  const authority = cacert === undefined ? {} : { ca: await readNamedFile(cacert) };
  requirePem('--cacert', 'certificate', cacert, () => new X509Certificate(authority.ca!));
  if (cert === undefined || key === undefined) return authority;
  const own = { cert: await readNamedFile(cert), key: await readNamedFile(key) };
  requirePem('--cert', 'certificate', cert, () => new X509Certificate(own.cert));
  requirePem('--key', 'private key without a passphrase', key, () => createPrivateKey(own.key));
  requirePem('--key', 'private key of that certificate', key, () => createSecureContext(own));
  return { ...authority, ...own };
}

function requirePem(
  option: string,
  what: string,
  path: string | undefined,
  read: () => unknown,
): void {
  if (path === undefined) return;
  try {
    read();
  } catch (error: unknown) {
    throw new ToolError(EXIT.usage, `${path} (${option}) is no ${what} in PEM`, error);
  }
}
