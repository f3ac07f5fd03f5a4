// The limit that Node sets: a durable server of only a few parts. Its sockets read into one shared buffer. It has a
// parser of the generator's requests, a Map, a frame with a CRC, and a group commit into a file of zeros, opened with
// O_DSYNC. It has no expiry, no CAS, no recovery and no bounds: it is a measure and not a store.
// Arguments: port, directory, `inline` or `pool` (the place of the commit), `stream` or `descriptor` (the way of the
// replies).
// Invariant: a reply to a set leaves after its commit, and replies of a connection leave in order.

import { closeSync, constants, openSync, write, writeSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const [port = '', dir = '', committer = 'inline', sender = 'stream'] = process.argv.slice(2);
const IS_INLINE = committer === 'inline';
const BY_DESCRIPTOR = sender === 'descriptor';
const FILE_BYTES = 64 * 1024 * 1024;
const ZERO_BYTES = 64 * 1024;
const BUFFER_BYTES = 4 * 1024 * 1024;
const FRAME_HEADER_BYTES = 16;
const LF = 10;
const SPACE = 32;
const GET = 'g'.charCodeAt(0);
const SET = 's'.charCodeAt(0);
const STORED = 'STORED\r\n';
const END = 'END\r\n';

const received = Buffer.allocUnsafeSlow(64 * 1024);
const replies = Buffer.allocUnsafeSlow(BUFFER_BYTES);
const values = new Map<string, Buffer>();

/** A file of zeros, opened so that each write of it is a commit. */
function openLog(): number {
  const path = join(dir, 'log');
  const zeros = Buffer.alloc(ZERO_BYTES);
  const plain = openSync(path, 'w');
  for (let at = 0; at < FILE_BYTES; at += ZERO_BYTES) writeSync(plain, zeros, 0, ZERO_BYTES, at);
  closeSync(plain);
  return openSync(path, constants.O_WRONLY | constants.O_DSYNC);
}

const log = openLog();
let logEnd = 0;

/** The frames of one commit, and the connections whose replies wait for it. */
interface Batch {
  readonly bytes: Buffer;
  end: number;
  readonly waiting: Connection[];
}

function emptyBatch(): Batch {
  return { bytes: Buffer.allocUnsafeSlow(BUFFER_BYTES), end: 0, waiting: [] };
}

let gathering = emptyBatch();
let spare = emptyBatch();
let isWriting = false;
let isScheduled = false;

function append(key: Buffer, value: Buffer): void {
  const { bytes, end } = gathering;
  const next = end + FRAME_HEADER_BYTES + key.length + value.length;
  bytes.writeUInt32LE(key.length, end + 4);
  bytes.writeUInt32LE(value.length, end + 8);
  key.copy(bytes, end + FRAME_HEADER_BYTES);
  value.copy(bytes, end + FRAME_HEADER_BYTES + key.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(end + 4, next)), end);
  gathering.end = (next + 7) & ~7;
}

function scheduleCommit(): void {
  if (isScheduled || isWriting) return;
  isScheduled = true;
  setImmediate(commit);
}

function commit(): void {
  isScheduled = false;
  const batch = gathering;
  gathering = spare;
  spare = batch;
  if (logEnd + batch.end > FILE_BYTES) logEnd = 0;
  const at = logEnd;
  logEnd += batch.end;
  for (const connection of batch.waiting) connection.seal();
  if (IS_INLINE) {
    finish(batch, writeSync(log, batch.bytes, 0, batch.end, at));
    return;
  }
  isWriting = true;
  write(log, batch.bytes, 0, batch.end, at, (error, count) => {
    if (error !== null) throw error;
    isWriting = false;
    finish(batch, count);
    if (gathering.waiting.length > 0) scheduleCommit();
  });
}

function finish(batch: Batch, count: number): void {
  if (count !== batch.end) throw new Error('a short write');
  for (const connection of batch.waiting) connection.release();
  batch.waiting.length = 0;
  batch.end = 0;
}

/** Returns a reading socket around an accepted handle, as src/server makes it. */
function lendingSocket(handle: unknown, receive: (bytes: Buffer) => void): Socket {
  const callback = (count: number): boolean => {
    receive(received.subarray(0, count));
    return true;
  };
  const options = { handle, allowHalfOpen: false, onread: { buffer: received, callback } };
  return new Socket(options);
}

class Connection {
  readonly #socket: Socket;
  readonly #fd: number;
  #rest: Buffer | undefined;
  /** Replies that wait for a set in the batch being gathered, and for one in the batch being written. */
  #held = '';
  #sealed = '';

  constructor(accepted: Socket) {
    const inside = accepted as { _handle?: { fd: number } | null };
    const handle = inside._handle!;
    this.#fd = handle.fd;
    this.#socket = lendingSocket(handle, (bytes) => this.#receive(bytes));
    inside._handle = null;
    // A client that went away needs no answer.
    this.#socket.on('error', () => this.#socket.destroy());
  }

  #receive(bytes: Buffer): void {
    const input = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    let end = 0;
    for (;;) {
      const lineEnd = input.indexOf(LF, at);
      if (lineEnd === -1) break;
      const kind = input[at];
      if (kind === GET) {
        const key = input.toString('latin1', at + 4, lineEnd - 1);
        at = lineEnd + 1;
        if (end + BUFFER_BYTES / 4 > BUFFER_BYTES) end = this.#send(end);
        end = this.#answer(key, end);
        continue;
      }
      if (kind !== SET) {
        this.#socket.write('VERSION 0\r\n');
        at = lineEnd + 1;
        continue;
      }
      const keyEnd = input.indexOf(SPACE, at + 4);
      const valueAt = lineEnd + 1;
      const valueEnd = valueAt + lengthBefore(input, lineEnd - 1);
      if (input.length < valueEnd + 2) break;
      // Earlier answers leave before the reply that has to wait.
      end = this.#send(end);
      this.#store(input.subarray(at + 4, keyEnd), input.subarray(valueAt, valueEnd));
      at = valueEnd + 2;
    }
    this.#rest = at === input.length ? undefined : Buffer.from(input.subarray(at));
    this.#send(end);
  }

  #store(key: Buffer, value: Buffer): void {
    append(key, value);
    values.set(key.toString('latin1'), Buffer.from(value));
    if (this.#held === '') gathering.waiting.push(this);
    this.#held += STORED;
    scheduleCommit();
  }

  /** Composes the answer to a get; returns where the replies end. */
  #answer(key: string, end: number): number {
    const value = values.get(key);
    const head = value === undefined ? END : `VALUE ${key} 0 ${value.length}\r\n`;
    if (this.#held !== '' || this.#sealed !== '') {
      const text = value === undefined ? head : `${head}${value.toString('latin1')}\r\n${END}`;
      if (this.#held === '') this.#sealed += text;
      else this.#held += text;
      return end;
    }
    let at = end + replies.write(head, end, 'latin1');
    if (value === undefined) return at;
    at += value.copy(replies, at);
    return at + replies.write(`\r\n${END}`, at, 'latin1');
  }

  /** Sends the composed replies; returns where the next ones begin. */
  #send(end: number): number {
    if (end === 0) return 0;
    let sent = 0;
    // The descriptor of a closed socket may belong to another file by now.
    if (BY_DESCRIPTOR && !this.#socket.destroyed && this.#socket.writableLength === 0) {
      try {
        sent = writeSync(this.#fd, replies, 0, end);
      } catch (error) {
        // The socket is full or gone: the stream waits, or reports the failure.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#socket.destroy();
      }
    }
    if (sent < end) this.#socket.write(Buffer.from(replies.subarray(sent, end)));
    return 0;
  }

  /** Called when its commit begins. */
  seal(): void {
    this.#sealed = this.#held;
    this.#held = '';
  }

  /** Called when its commit is on the disk. */
  release(): void {
    const text = this.#sealed;
    this.#sealed = '';
    if (BY_DESCRIPTOR) this.#send(replies.write(text, 0, 'latin1'));
    else this.#socket.write(text, 'latin1');
  }
}

/** Returns the decimal number that ends before `end`. */
function lengthBefore(input: Buffer, end: number): number {
  let number = 0;
  for (let at = end - 1, unit = 1; input[at] !== SPACE; at--, unit *= 10) {
    number += (input[at]! - 48) * unit;
  }
  return number;
}

createServer({ noDelay: true, pauseOnConnect: true }, (socket) => new Connection(socket)).listen(
  Number(port),
  '127.0.0.1',
);
