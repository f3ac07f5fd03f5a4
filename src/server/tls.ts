// TLS for the listeners (`-Z -o ssl_…`). Loaded only when asked for. Certificates are read again by
// reload(): connections that are open keep the old ones.
//
// Invariants:
// - A client is let in by the door before its first byte is read, so that a handshake is counted, has a deadline,
//   and can be dropped.
// - A handshake begins when the client's first message is whole, and few begin in one turn of the loop: the server's
//   part of each takes a ms or more, and thousands can ask for it at once.
// - A client that ends its input in the middle of a handshake is gone: there is nothing to answer. Only behind the
//   handshake may it close its half and wait for replies.

import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

import type { TlsMode } from '../config/addresses.js';
import type { TlsConfig } from '../config/config.js';
import type { Clock, Env, Logger } from '../env/env.js';
import { optionFileFailure } from '../env/file-failure.js';
import { KvError, isKvError } from '../errors.js';
import { endInTurn } from './lending-socket.js';
import type { Door, HandshakeDoor, ServerMaker } from './listeners.js';

/** What a TLS socket is made of, beside what the types say. */
interface Internals {
  readonly _parent?: net.Socket | null;
}

/** Each costs a signature. */
const HANDSHAKES_PER_TURN = 4;
const HANDSHAKE_RECORD = 22;
/** Of a TLS record: its type and version, and the length of what follows. */
const RECORD_HEADER_BYTES = 5;
const RECORD_LENGTH_AT = 3;
const RECORD_BYTES_MAX = 16 * 1024;

export class TlsListeners {
  readonly #config: TlsConfig;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** When the certificates that are in force were read, in monotonic ms. */
  readMs: number;
  readonly #servers: tls.Server[] = [];
  #beginning: (() => void)[] = [];

  constructor(config: TlsConfig, { logger, clock }: Pick<Env, 'logger' | 'clock'>) {
    this.#config = config;
    this.#logger = logger;
    this.#clock = clock;
    this.readMs = clock.monotonicMs();
  }

  makerOf(mode: Exclude<TlsMode, 'none'>): ServerMaker {
    return (options, door) => this.#make(mode, options, door);
  }

  /** Throws KV_BAD_OPTION when a certificate or key cannot be used, KV_NO_PERMISSION when its file may not be read. */
  #make(mode: TlsMode, options: net.ServerOpts, door: Door): net.Server {
    try {
      const server = tls.createServer({
        ...this.#context(),
        requestCert: mode !== 'unverified',
        rejectUnauthorized: mode === 'verified',
      });
      server.on('tlsClientError', (error, socket) => {
        this.#logger.debug('A TLS handshake failed', { error: error.message });
        door.handshakeFailed();
        socket.destroy();
      });
      this.#servers.push(server);
      const asks = mode !== 'unverified';
      return this.#below(server, { ...options, allowHalfOpen: false }, door, asks);
    } catch (cause) {
      throw asBadOption(cause);
    }
  }

  /** Reads the files again; on failure the old certificates stay and the error is thrown. */
  reload(): void {
    try {
      const context = this.#context();
      // Tried before any server takes it: all have the new ones, or none.
      tls.createSecureContext(context);
      for (const server of this.#servers) server.setSecureContext(context);
      this.readMs = this.#clock.monotonicMs();
    } catch (cause) {
      throw asBadOption(cause);
    }
  }

  /** All of it each time: what a new context does not name is the default again. */
  #context(): tls.SecureContextOptions {
    const { chainCertPath, keyPath, caCertPath, minVersion, ciphers } = this.#config;
    return {
      cert: readPem(chainCertPath),
      key: readPem(keyPath),
      minVersion,
      ...(caCertPath === undefined ? {} : { ca: readPem(caCertPath) }),
      ...(ciphers === undefined ? {} : { ciphers }),
    };
  }

  /** Who listens: it hands each socket to `server` when the door has let it in. */
  #below(server: tls.Server, options: net.ServerOpts, door: Door, asks: boolean): net.Server {
    const doors = new WeakMap<net.Socket, HandshakeDoor>();
    server.on('secureConnection', (secure) => {
      const { _parent: socket } = secure as Internals;
      if (asks && this.#isForged(secure)) {
        door.handshakeFailed();
        secure.destroy();
        return;
      }
      secure.allowHalfOpen = true;
      endInTurn(secure);
      const own = socket === null || socket === undefined ? undefined : doors.get(socket);
      (own ?? door).accept(secure);
    });
    return net.createServer(options, (socket) => {
      const own = door.begin(socket);
      if (own === undefined) return;
      doors.set(socket, own);
      const begin = (): void => {
        if (socket.destroyed) door.handshakeFailed();
        else server.emit('connection', socket);
      };
      whenHello(
        socket,
        () => this.#begin(begin),
        () => door.handshakeFailed(),
      );
    });
  }

  /** In the order in which they came, some in each turn. */
  #begin(call: () => void): void {
    this.#beginning.push(call);
    if (this.#beginning.length === 1) setImmediate(() => this.#beginSome());
  }

  #beginSome(): void {
    const due = this.#beginning.slice(0, HANDSHAKES_PER_TURN);
    for (const call of due) call();
    this.#beginning = this.#beginning.slice(due.length);
    if (this.#beginning.length > 0) setImmediate(() => this.#beginSome());
  }

  /** A client may come without a certificate, but not with one that nobody vouches for. */
  #isForged(socket: tls.TLSSocket): boolean {
    if (socket.authorized) return false;
    if (Object.keys(socket.getPeerCertificate() ?? {}).length === 0) return false;
    this.#logger.debug('A client certificate was refused', {
      error: String(socket.authorizationError),
    });
    return true;
  }
}

/**
 * Calls `begin` when the first record has come, or what cannot be a ClientHello; what was read is in the socket
 * again. `fail`: the socket has closed before that.
 */
function whenHello(socket: net.Socket, begin: () => void, fail: () => void): void {
  let got = Buffer.alloc(0);
  const receive = (bytes: Buffer): void => {
    got = Buffer.concat([got, bytes]);
    if (got[0] === HANDSHAKE_RECORD && !isWholeRecord(got)) return;
    socket.off('data', receive);
    socket.off('close', fail);
    socket.pause();
    socket.unshift(got);
    begin();
  };
  socket.on('data', receive);
  socket.on('close', fail);
}

/** Or too long to be one. */
function isWholeRecord(bytes: Buffer): boolean {
  if (bytes.length < RECORD_HEADER_BYTES) return false;
  const bodyBytes = bytes.readUInt16BE(RECORD_LENGTH_AT);
  return bodyBytes > RECORD_BYTES_MAX || bytes.length >= RECORD_HEADER_BYTES + bodyBytes;
}

function readPem(path: string): Buffer {
  try {
    return fs.readFileSync(path);
  } catch (cause) {
    throw optionFileFailure('TLS cannot start: a file of -o ssl_*', path, cause);
  }
}

function asBadOption(cause: unknown): KvError {
  if (isKvError(cause)) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KvError('KV_BAD_OPTION', `TLS cannot start: ${reason}`, { cause });
}
