// The lending socket: a plain socket that reads into one buffer, which all connections share, and lends each
// piece for the time of a call. A long value is read straight into the memory that the connection chooses. Node offers
// this (`onread`) only to sockets that connect, not to accepted ones, so the accepted handle gets a socket of our own.
// This file alone depends on Node's internals. Without them the socket stays unchanged, and its stream makes a
// buffer for each read (benchmarks/README.md has the difference); TLS always works that way.
// Output leaves by a system call on the socket's descriptor, as far as the system takes it at once.
//
// Invariant: one turn of the loop takes apart no more than a few sockets. Thousands can close or be reset at once, and
// the kernel reports all of them in the same turn. A report costs little, but taking a socket apart costs much.

import fs from 'node:fs';
import net from 'node:net';

const READ_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** The members of a socket's handle that Node's types do not have. */
interface Handle {
  /** Makes the next reads go to `buffer`. */
  useUserBuffer(buffer: Buffer): void;
  onread?: OnRead;
  readonly fd: number;
}

/** The members of an accepted socket that Node's types do not have. */
interface Internals {
  _handle?: Handle | null;
  /** The server, which counts the connection for `maxConnections` and close(). */
  _server?: unknown;
}

/** The receiver of a socket's input. */
export interface InputReceiver {
  /**
   * Takes the first `count` of `bytes`. Their memory is lent until the call returns, unless the receiver chose it.
   * Returns the memory for the next input, which stays valid until the next receive(); undefined: any memory.
   */
  receive(bytes: Buffer, count: number): Buffer | undefined;
}

/** Output by a system call that bypasses the stream. */
export interface DirectOutput {
  /**
   * Writes the first `count` bytes; returns how many the system took. The stream gets the rest, and also finds
   * out when the client has gone.
   */
  writeNow(bytes: Buffer, count: number): number;
}

/** At most this many sockets are ended or taken apart in one turn. */
const ENDINGS_PER_TURN = 64;
let endings: (() => void)[] = [];

function inItsTurn(call: () => void): void {
  endings.push(call);
  if (endings.length === 1) setImmediate(runEndings);
}

function runEndings(): void {
  const due = endings.slice(0, ENDINGS_PER_TURN);
  for (const call of due) call();
  endings = endings.slice(due.length);
  if (endings.length > 0) setImmediate(runEndings);
}

type OnRead = (this: Handle, bytes: unknown) => unknown;

/** The result of a read, where the stream's own handler finds it: a number of bytes, or a negative code of libuv. */
interface ReadState {
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
}

const readState = readStateOf(process);

/** Returns undefined when this Node hides the result; ends and resets are then handled as soon as they come. */
function readStateOf(inside: object): ReadState | undefined {
  const { binding } = inside as { binding?: (name: string) => Partial<ReadState> };
  try {
    const { streamBaseState, kReadBytesOrError } = binding?.('stream_wrap') ?? {};
    if (streamBaseState === undefined || kReadBytesOrError === undefined) return undefined;
    return { streamBaseState, kReadBytesOrError };
  } catch {
    return undefined;
  }
}

/** Wraps `onread`: the end or the failure of the input waits for its turn, and no Error is made before. */
function withDeferredEnd(
  onread: OnRead,
  { streamBaseState, kReadBytesOrError }: ReadState,
): OnRead {
  return function handler(this: Handle, bytes) {
    const count = streamBaseState[kReadBytesOrError]!;
    if (count >= 0) return onread.call(this, bytes);
    inItsTurn(() => {
      // A different handler means that the socket has been taken apart meanwhile.
      if (this.onread !== handler) return;
      streamBaseState[kReadBytesOrError] = count;
      onread.call(this, bytes);
    });
    return undefined;
  };
}

/** The stream's own handler, which all sockets share, and our replacement of it. */
let original: OnRead | undefined;
let ours: OnRead | undefined;

/** Makes the end or the failure of the socket's input wait for its turn from now on. */
export function endInTurn(socket: net.Socket): void {
  const { _handle: handle } = socket as Internals;
  if (typeof handle === 'object' && handle !== null) deferEndings(handle);
}

function deferEndings(handle: Handle): void {
  const { onread } = handle;
  if (readState === undefined || typeof onread !== 'function') return;
  if (onread !== original || ours === undefined) {
    original = onread;
    ours = withDeferredEnd(onread, readState);
  }
  handle.onread = ours;
}

class LendingSocket extends net.Socket implements DirectOutput {
  receiver: InputReceiver | undefined;
  /** Valid until the socket is destroyed; another socket may then have the same number. */
  readonly #descriptor: number;

  constructor(handle: Handle) {
    let current: Buffer = shared;
    let socket: LendingSocket | undefined;
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: shared,
        callback: (count: number): boolean => {
          const next = socket?.receiver?.receive(current, count) ?? shared;
          if (next !== current) {
            current = next;
            handle.useUserBuffer(next);
          }
          return true;
        },
      },
    };
    super(options);
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- asked by Node before `this` may be named
    socket = this;
    this.#descriptor = handle.fd;
  }

  /** See DirectOutput. */
  writeNow(bytes: Buffer, count: number): number {
    if (this.destroyed || this.writableLength > 0 || this.#descriptor < 0) return 0;
    try {
      return fs.writeSync(this.#descriptor, bytes, 0, count);
    } catch {
      // If the client does not read, the stream waits. If the client has gone, the stream reports it.
      return 0;
    }
  }

  /** A socket that the peer broke waits for its turn. One that we drop frees its descriptor at once. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error === null) super._destroy(error, callback);
    else inItsTurn(() => super._destroy(error, callback));
  }
}

/** Moves the handle of an accepted socket, which has read nothing yet, to a lending socket. */
export function lending(accepted: net.Socket): net.Socket {
  const inside: Internals = accepted as Internals;
  if (typeof inside._handle?.useUserBuffer !== 'function') return accepted;
  const socket = new LendingSocket(inside._handle);
  const outside: Internals = socket as Internals;
  deferEndings(inside._handle);
  outside._server = inside._server;
  inside._handle = null;
  inside._server = null;
  return socket;
}

/** Gives each piece of input to `receiver`. */
export function onInput(socket: net.Socket, receiver: InputReceiver): void {
  if (socket instanceof LendingSocket) socket.receiver = receiver;
  else socket.on('data', (bytes: Buffer) => void receiver.receive(bytes, bytes.length));
}

/** Returns the output that bypasses the socket's stream; undefined when the socket has none. */
export function directOutput(socket: net.Socket): DirectOutput | undefined {
  return socket instanceof LendingSocket ? socket : undefined;
}
