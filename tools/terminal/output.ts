// Writing to stdout as a good member of a pipeline: `kv-dump | head` closes the pipe early, which is no
// failure, and a slow reader is waited for, so that memory does not grow with the output. A full disk behind
// stdout is a failure like any other (74), and every short write is seen: Node's own stream for a file takes
// one for success.

import type { Writable } from 'node:stream';

import { writeAllTo } from '../../src/env/output-file.js';
import { systemCode } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';

/** Ends the process quietly with 0 when whoever reads stdout has gone, else with 74; call once at the start. */
export function endOnFailingOutput(name: string): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    process.stderr.write(`${name}: stdout: ${error.message}\n`);
    process.exit(EXIT.io);
  });
  // Nobody is left to be told.
  process.stderr.on('error', () => undefined);
}

/** Whoever read the output has gone: the tool ends quietly with 0. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe';
}

/** Throws ClosedPipe when nobody reads any more what `write` writes. */
export async function endedByReader(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error: unknown) {
    throw systemCode(error) === 'EPIPE' ? new ClosedPipe('stdout') : error;
  }
}

/** Writes and waits until the stream can take more. Rejects with the stream's error. */
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

/** What a server sent: unchanged into a pipe or a file, but a value must not be able to steer a terminal. */
export function writeForeign(
  stream: Writable & { readonly isTTY?: boolean },
  bytes: Buffer,
): Promise<void> {
  return writeAll(stream, stream.isTTY === true ? printableLines(bytes.toString('utf8')) : bytes);
}
