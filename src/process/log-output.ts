// Log output: writes the server's own lines to a stream that may be full, slow or closed. Lines that cannot be written
// are dropped and counted, and the next written line reports the count. An unread log never stops the server.
//
// Invariants:
// - No failure of the stream is thrown, and none ends the process.
// - The bytes that wait for a slow reader are bounded, and a slow reader delays nobody.

import type { Writable } from 'node:stream';

const WAITING_BYTES_MAX = 256 * 1024;

export class LogOutput {
  /** True when the lines are JSON: the line that reports losses is then JSON too. */
  isJson = false;
  readonly #stream: Writable;
  /** Lines dropped since the last one that was written. */
  #lost = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    // The callback of the failed write gets the same error.
    stream.on('error', () => undefined);
  }

  #note(message: string): string {
    if (this.isJson) return `${JSON.stringify({ level: 'warn', message })}\n`;
    return `cairn: warn: ${message}\n`;
  }

  readonly write = (line: string): void => {
    if (this.#stream.writableLength > WAITING_BYTES_MAX) {
      this.#lost += 1;
      return;
    }
    const lost = this.#lost;
    const note = lost === 0 ? '' : this.#note(`${lost} messages could not be written here`);
    this.#lost = 0;
    try {
      this.#stream.write(`${note}${line}`, (error) => {
        if (error !== null && error !== undefined) this.#lost += lost + 1;
      });
    } catch {
      // The stream of a file may throw instead of calling back.
      this.#lost += lost + 1;
    }
  };
}
