// Where the server's own lines go: a stream that may be full, slow or gone. What cannot be written is dropped, counted,
// and told of with the next line that can be: a log that nobody reads is no reason to stop serving.
//
// Invariants:
// - No failure of the stream is thrown, and none ends the process.
// - What waits for a slow reader is bounded; nobody is held up by one.

import type { Writable } from 'node:stream';

const WAITING_BYTES_MAX = 256 * 1024;

export class LogOutput {
  /** The lines are JSON: our own is too. */
  isJson = false;
  readonly #stream: Writable;
  /** Lines since the last one that was written. */
  #lost = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Each failure comes to the callback of its write as well.
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
      // A file's stream may fail at once instead.
      this.#lost += lost + 1;
    }
  };
}
