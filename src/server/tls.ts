// TLS for the listeners (`-Z -o ssl_…`). Loaded only when asked for. Certificates are read again by
// reload(): connections that are open keep the old ones.
//
// Invariants:
// - A client is let in by the door before its first byte is read, so that a handshake is counted, has a deadline,
//   and can be dropped.
// - A client that ends its input in the middle of a handshake is gone: there is nothing to answer. Only behind the
//   handshake may it close its half and wait for replies.

import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

import type { TlsConfig } from '../config/config.js';
import type { Logger } from '../env/env.js';
import { KvError } from '../errors.js';
import type { Door, HandshakeDoor, ServerMaker } from './listeners.js';

/** What a TLS socket is made of, beside what the types say. */
interface Internals {
  readonly _parent?: net.Socket | null;
}

export class TlsListeners {
  readonly #config: TlsConfig;
  readonly #logger: Logger;
  readonly #servers: tls.Server[] = [];

  constructor(config: TlsConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /** Throws KV_BAD_OPTION when a certificate or key cannot be used. */
  readonly make: ServerMaker = (options, door) => {
    const { asksForCertificates, clientsNeedCertificates } = this.#config;
    try {
      const server = tls.createServer({
        ...this.#context(),
        requestCert: asksForCertificates,
        rejectUnauthorized: clientsNeedCertificates,
      });
      server.on('tlsClientError', (error, socket) => {
        this.#logger.debug('A TLS handshake failed', { error: error.message });
        door.handshakeFailed();
        socket.destroy();
      });
      this.#servers.push(server);
      return this.#below(server, { ...options, allowHalfOpen: false }, door);
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

  /** Who listens: it hands each socket to `server` when the door has let it in. */
  #below(server: tls.Server, options: net.ServerOpts, door: Door): net.Server {
    const doors = new WeakMap<net.Socket, HandshakeDoor>();
    server.on('secureConnection', (secure) => {
      const { _parent: socket } = secure as Internals;
      if (this.#isForged(secure)) {
        door.handshakeFailed();
        secure.destroy();
        return;
      }
      secure.allowHalfOpen = true;
      const own = socket === null || socket === undefined ? undefined : doors.get(socket);
      (own ?? door).accept(secure);
    });
    return net.createServer(options, (socket) => {
      const own = door.begin(socket);
      if (own === undefined) return;
      doors.set(socket, own);
      server.emit('connection', socket);
    });
  }

  /** A client may come without a certificate, but not with one that nobody vouches for. */
  #isForged(socket: tls.TLSSocket): boolean {
    if (!this.#config.asksForCertificates || socket.authorized) return false;
    if (Object.keys(socket.getPeerCertificate() ?? {}).length === 0) return false;
    this.#logger.debug('A client certificate was refused', {
      error: String(socket.authorizationError),
    });
    return true;
  }
}

function asBadOption(cause: unknown): KvError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KvError('KV_BAD_OPTION', `TLS cannot start: ${reason}`, { cause });
}
