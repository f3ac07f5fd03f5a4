// TLS for the listeners (`-Z -o ssl_…`). Loaded only when asked for. Certificates are read again by
// reload(): connections that are open keep the old ones.

import fs from 'node:fs';
import type { Socket } from 'node:net';
import tls from 'node:tls';

import type { TlsConfig } from '../config.js';
import type { Logger } from '../env/env.js';
import { KvError } from '../errors.js';
import type { ServerMaker } from './listeners.js';

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
    const { asksForCertificates, clientsNeedCertificates } = this.#config;
    try {
      const server = tls.createServer(
        {
          ...options,
          ...this.#context(),
          requestCert: asksForCertificates,
          rejectUnauthorized: clientsNeedCertificates,
        },
        asksForCertificates ? this.#unlessForged(accept) : accept,
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
      const context = this.#context();
      // Tried before any server takes it: all have the new ones, or none.
      tls.createSecureContext(context);
      for (const server of this.#servers) server.setSecureContext(context);
    } catch (cause) {
      throw asBadOption(cause);
    }
  }

  /** All of it each time: what a new context does not name is the default again. */
  #context(): tls.SecureContextOptions {
    const { chainCertPath, keyPath, caCertPath, minVersion, ciphers } = this.#config;
    return {
      cert: fs.readFileSync(chainCertPath),
      key: fs.readFileSync(keyPath),
      minVersion,
      ...(caCertPath === undefined ? {} : { ca: fs.readFileSync(caCertPath) }),
      ...(ciphers === undefined ? {} : { ciphers }),
    };
  }

  /** A client may come without a certificate, but not with one that nobody vouches for. */
  #unlessForged(accept: (socket: Socket) => void): (socket: tls.TLSSocket) => void {
    return (socket) => {
      if (!socket.authorized && Object.keys(socket.getPeerCertificate() ?? {}).length > 0) {
        this.#logger.debug('A client certificate was refused', {
          error: String(socket.authorizationError),
        });
        socket.destroy();
        return;
      }
      accept(socket);
    };
  }
}

function asBadOption(cause: unknown): KvError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KvError('KV_BAD_OPTION', `TLS cannot start: ${reason}`, { cause });
}
