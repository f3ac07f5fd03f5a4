// TLS for the listeners (`-Z -o ssl_…`). This file is loaded only with -Z. reload() reads the certificates again;
// open connections keep the old ones.
//
// Invariants:
// - The door admits a client before its first byte is read, so that a handshake is counted, has a deadline,
//   and can be dropped.
// - A handshake begins when the client's first message is whole, and few begin in one turn of the loop: the server's
//   part of each takes a ms or more, and thousands can begin at once.
// - A client that ends its input during a handshake has gone, because there is nothing to answer. Only after the
//   handshake may it close its half and wait for replies.

import net from 'node:net';
import tls from 'node:tls';

import type { TlsMode } from '../config/addresses.js';
import type { TlsConfig } from '../config/config.js';
import type { Clock, Env, Logger } from '../env/env.js';
import { readOptionFile } from '../env/option-file.js';
import { KvError, isKvError } from '../errors.js';
import { endInTurn } from './lending-socket.js';
import type { Door, HandshakeDoor, ServerMaker } from './listeners.js';

/** The members of a TLS socket that Node's types do not have. */
interface Internals {
  readonly _parent?: net.Socket | null;
}

/** Few, because each handshake costs a signature. */
const HANDSHAKES_PER_TURN = 4;
const HANDSHAKE_RECORD = 22;
/** Header of a TLS record: its type, its version and the length of its body. */
const RECORD_HEADER_BYTES = 5;
const RECORD_LENGTH_AT = 3;
const RECORD_BYTES_MAX = 16 * 1024;

export class TlsListeners {
  readonly #config: TlsConfig;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Time at which the certificates in force were read, in monotonic ms. */
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
      // The context is tried before any server takes it, so that all servers get the new certificates, or none.
      tls.createSecureContext(context);
      for (const server of this.#servers) server.setSecureContext(context);
      this.readMs = this.#clock.monotonicMs();
    } catch (cause) {
      throw asBadOption(cause);
    }
  }

  /** Returns the whole context each time, because a new context resets all options that it does not name. */
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

  /** Makes the server that listens. It hands each socket to `server` when the door has admitted it. */
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

  /** Begins handshakes in the order of their arrival, some in each turn. */
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

  /** True for a certificate that no trusted authority has signed. A client without a certificate is allowed. */
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
 * Calls `begin` when the first record has arrived, or bytes that cannot be a ClientHello; the bytes read so far are put
 * back into the socket. Calls `fail` when the socket closes before that.
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

/** True for a whole record, and for a length that no record may have. */
function isWholeRecord(bytes: Buffer): boolean {
  if (bytes.length < RECORD_HEADER_BYTES) return false;
  const bodyBytes = bytes.readUInt16BE(RECORD_LENGTH_AT);
  return bodyBytes > RECORD_BYTES_MAX || bytes.length >= RECORD_HEADER_BYTES + bodyBytes;
}

function readPem(path: string): Buffer {
  return readOptionFile('TLS cannot start: a file of -o ssl_*', path);
}

function asBadOption(cause: unknown): KvError {
  if (isKvError(cause)) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KvError('KV_BAD_OPTION', `TLS cannot start: ${reason}`, { cause });
}
