// TLS for the listeners (`-Z -o ssl_…`). Loaded only when asked for. Certificates are read again by
// reload(): connections that are open keep the old ones.

import fs from 'node:fs';
import tls from 'node:tls';

import type { TlsConfig } from '../config.js';
import type { Logger } from '../env/env.js';
import { KvError } from '../errors.js';
import type { ServerMaker } from './listeners.js';

/** memcached's ssl_verify_mode. */
const VERIFY_NONE = 0;
const VERIFY_REQUIRE = 2;

export class TlsListeners {
  readonly #config: TlsConfig;
  readonly #logger: Logger;
  readonly #servers: tls.Server[] = [];

  constructor(config: TlsConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /** Throws KV_BAD_OPTION when a certificate or key cannot be used. */
  readonly make: ServerMaker = (options, accept) => {
    const { verifyMode, minVersion, ciphers } = this.#config;
    try {
      const server = tls.createServer(
        {
          ...options,
          ...this.#files(),
          minVersion,
          ...(ciphers === undefined ? {} : { ciphers }),
          requestCert: verifyMode !== VERIFY_NONE,
          rejectUnauthorized: verifyMode === VERIFY_REQUIRE,
        },
        accept,
      );
      server.on('tlsClientError', (error) => {
        this.#logger.debug('A TLS handshake failed', { error: error.message });
      });
      this.#servers.push(server);
      return server;
    } catch (cause) {
      throw asBadOption(cause);
    }
  };

  /** Reads the files again; on failure the old certificates stay and the error is thrown. */
  reload(): void {
    try {
      for (const server of this.#servers) server.setSecureContext(this.#files());
    } catch (cause) {
      throw asBadOption(cause);
    }
  }

  #files(): tls.SecureContextOptions {
    const { chainCertPath, keyPath, caCertPath } = this.#config;
    const ca = caCertPath === undefined ? {} : { ca: fs.readFileSync(caCertPath) };
    return { cert: fs.readFileSync(chainCertPath), key: fs.readFileSync(keyPath), ...ca };
  }
}

function asBadOption(cause: unknown): KvError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KvError('KV_BAD_OPTION', `TLS cannot start: ${reason}`, { cause });
}
