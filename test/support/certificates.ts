// Certificates made by openssl: an authority, and what it has signed. The keys are Ed25519, which openssl makes in no
// noticeable time.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface Certificate {
  readonly certPath: string;
  readonly keyPath: string;
}

/** Checks whether openssl is installed. */
export function canMakeCertificates(): boolean {
  return spawnSync('openssl', ['version']).status === 0;
}

export class Authority {
  readonly #dir: string;
  readonly #name: string;

  constructor(dir: string, name: string) {
    this.#dir = dir;
    this.#name = name;
    const words = `req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=${name}`;
    openssl([...words.split(' '), '-keyout', this.#path('key'), '-out', this.certPath]);
  }

  get certPath(): string {
    return this.#path('pem');
  }

  /** Makes a certificate for `name`, in files of that name, and replaces one that is already there. */
  sign(name: string, file = name): Certificate {
    const [certPath, keyPath] = [`${file}.pem`, `${file}.key`].map((each) =>
      path.join(this.#dir, each),
    ) as [string, string];
    const request = path.join(this.#dir, `${file}.csr`);
    const words = `req -newkey ed25519 -nodes -subj /CN=${name}`;
    openssl([...words.split(' '), '-keyout', keyPath, '-out', request]);
    const signer = ['-CA', this.certPath, '-CAkey', this.#path('key'), '-CAcreateserial'];
    openssl(['x509', '-req', '-days', '2', '-in', request, '-out', certPath, ...signer]);
    return { certPath, keyPath };
  }

  #path(suffix: string): string {
    return path.join(this.#dir, `authority-${this.#name}.${suffix}`);
  }
}

/** Returns the certificate and its key as options of a TLS client. */
export function clientFiles({ certPath, keyPath }: Certificate): { cert: Buffer; key: Buffer } {
  return { cert: fs.readFileSync(certPath), key: fs.readFileSync(keyPath) };
}

function openssl(words: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', words, { encoding: 'latin1' });
  if (status !== 0) throw new Error(`openssl ${words.join(' ')}: ${stderr}`);
}
