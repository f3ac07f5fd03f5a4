// Input without garbage: a plain socket reads into one buffer that all connections share, and lends each
// piece for the time of a call; a long value is read to where the connection wants it. Node offers that
// (`onread`) only to sockets that connect, not to those that a server accepts; so the accepted handle gets a
// socket of our own. It is the one place that leans on Node's internals: without them the socket stays as it
// is and its stream makes a buffer for each read (benchmarks/README.md has the difference; TLS always goes
// that way). Output leaves by a system call on the socket's descriptor, as far as the system takes it at once.
//
// Invariant: one turn of the loop ends or breaks no more than a few sockets. Thousands can close or be reset at once,
// and the kernel tells of all of them in the same turn; to be told costs little, to take a socket apart costs much.

import fs from 'node:fs';
import net from 'node:net';

const READ_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** What the system's side of a socket can do, beside what the types say. */
interface Handle {
  /** The next reads go there. */
  useUserBuffer(buffer: Buffer): void;
  onread?: OnRead;
  readonly fd: number;
}

/** What an accepted socket is made of, beside what the types say. */
interface Internals {
  _handle?: Handle | null;
  /** Counts the connection, for `maxConnections` and close(). */
  _server?: unknown;
}

/** Who takes a socket's input. */
export interface InputReceiver {
  /**
   * The first `count` of `bytes` have come. Their memory is lent until the call returns, unless it is the receiver's own
   * room. Returns where the next input shall be put; it stays so until the next receive(). Undefined: anywhere.
   */
  receive(bytes: Buffer, count: number): Buffer | undefined;
}

/** What leaves by a system call, past the stream. */
export interface DirectOutput {
  /**
   * Writes the first `count` bytes; returns how many the system took. What is left is for the stream, which also finds
   * out when the client has gone.
   */
  writeNow(bytes: Buffer, count: number): number;
}

/** Sockets that are ended or taken apart in one turn. */
const OVER_PER_TURN = 64;
let over: (() => void)[] = [];

function inItsTurn(call: () => void): void {
  over.push(call);
  if (over.length === 1) setImmediate(runOver);
}

function runOver(): void {
  const due = over.slice(0, OVER_PER_TURN);
  for (const call of due) call();
  over = over.slice(due.length);
  if (over.length > 0) setImmediate(runOver);
}

type OnRead = (this: Handle, bytes: unknown) => unknown;

/** What a read came to, as the stream's own handler finds it: bytes, or below 0 a code of libuv's. */
interface ReadState {
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
}

const readState = readStateOf(process);

/** Undefined: this Node keeps it to itself; ends and resets are then dealt with as they come. */
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

/** As `onread`, but the end of the input, or what broke it, comes in its turn: no Error is made before. */
function patient(onread: OnRead, { streamBaseState, kReadBytesOrError }: ReadState): OnRead {
  return function mine(this: Handle, bytes) {
    const count = streamBaseState[kReadBytesOrError]!;
    if (count >= 0) return onread.call(this, bytes);
    inItsTurn(() => {
      // Else the socket has been taken apart meanwhile.
      if (this.onread !== mine) return;
      streamBaseState[kReadBytesOrError] = count;
      onread.call(this, bytes);
    });
    return undefined;
  };
}

/** The stream's own handler, which is one for all, and ours in its place. */
let original: OnRead | undefined;
let ours: OnRead | undefined;

/** From now on the end of the socket's input, or what breaks it, comes in its turn. */
export function endInTurn(socket: net.Socket): void {
  const { _handle: handle } = socket as Internals;
  if (typeof handle === 'object' && handle !== null) overInTurn(handle);
}

function overInTurn(handle: Handle): void {
  const { onread } = handle;
  if (readState === undefined || typeof onread !== 'function') return;
  if (onread !== original || ours === undefined) {
    original = onread;
    ours = patient(onread, readState);
  }
  handle.onread = ours;
}

class LendingSocket extends net.Socket implements DirectOutput {
  receiver: InputReceiver | undefined;
  /** Ours until it is destroyed; then another socket may have its number. */
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
      // The client does not read, or has gone: the stream waits for the one and tells of the other.
      return 0;
    }
  }

  /** What the peer broke waits for its turn; what we drop goes at once, with its descriptor. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error === null) super._destroy(error, callback);
    else inItsTurn(() => super._destroy(error, callback));
  }
}

/** Puts a socket of our own around the handle of one that was accepted and has not read yet. */
export function lending(accepted: net.Socket): net.Socket {
  const inside: Internals = accepted as Internals;
  if (typeof inside._handle?.useUserBuffer !== 'function') return accepted;
  const socket = new LendingSocket(inside._handle);
  const outside: Internals = socket as Internals;
  overInTurn(inside._handle);
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

/** The way past the socket's stream, where it has one. */
export function directOutput(socket: net.Socket): DirectOutput | undefined {
  return socket instanceof LendingSocket ? socket : undefined;
}
