// Writing to stdout as a good member of a pipeline: `kv-dump | head` closes the pipe early, which is no
// failure, and a slow reader is waited for, so that memory does not grow with the output.

import type { Writable } from 'node:stream';

import { printableLines } from '../../src/printable.js';

/** Ends the process quietly with 0 when whoever reads stdout has gone; call once at the start. */
export function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Writes and waits until the stream can take more. Rejects with the stream's error. */
export function writeAll(stream: Writable, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) =>
      error === null || error === undefined ? resolve() : reject(error),
    );
  });
}

/** What a server sent: unchanged into a pipe or a file, but a value must not be able to steer a terminal. */
export function writeForeign(
  stream: Writable & { readonly isTTY?: boolean },
  bytes: Buffer,
): Promise<void> {
  return writeAll(stream, stream.isTTY === true ? printableLines(bytes.toString('utf8')) : bytes);
}
