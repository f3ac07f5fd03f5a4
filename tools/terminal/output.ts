// Writes to stdout as a pipeline expects. `kv-dump | head` closes the pipe early, which is no failure. The tool waits
// for a slow reader, so that memory does not grow with the output. A full disk behind stdout is a failure like any
// other (74). Every short write is noticed: Node's own stream for a file takes one for success.

import type { Writable } from 'node:stream';

import { writeAllTo } from '../../src/env/output-file.js';
import { systemCode } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';

/**
 * Ends the process quietly with 0 when the reader of stdout has gone, and with 74 for other failures. Call it once at
 * the start.
 */
export function endOnFailingOutput(name: string): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    process.stderr.write(`${name}: stdout: ${error.message}\n`);
    process.exit(EXIT.io);
  });
  // Nobody is left who could read a message.
  process.stderr.on('error', () => undefined);
}

/** The reader of the output has gone: the tool ends quietly with 0. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe';
}

/** Throws ClosedPipe when the reader of the output has gone while `write` writes. */
export async function endedByReader(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error: unknown) {
    throw systemCode(error) === 'EPIPE' ? new ClosedPipe('stdout') : error;
  }
}

/** Writes, and waits until the stream can take more. Rejects with the stream's error. */
export async function writeAll(stream: Writable, bytes: Uint8Array | string): Promise<void> {
  if (stream === process.stdout && !process.stdout.isTTY) {
    await endedByReader(() =>
      writeAllTo(1, typeof bytes === 'string' ? Buffer.from(bytes) : bytes),
    );
    return;
  }
  await new Promise<void>((resolve, reject) => {
    stream.write(bytes, (error) =>
      error === null || error === undefined ? resolve() : reject(error),
    );
  });
}

/**
 * Writes the bytes of a server: unchanged into a pipe or a file; on a terminal a value must not be able to steer it.
 */
export function writeForeign(
  stream: Writable & { readonly isTTY?: boolean },
  bytes: Buffer,
): Promise<void> {
  return writeAll(stream, stream.isTTY === true ? printableLines(bytes.toString('utf8')) : bytes);
}
