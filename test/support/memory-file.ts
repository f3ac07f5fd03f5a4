// A File whose bytes are in memory, for tests of what is written to one file. The File that crashes is in test/sim.

import type { File } from '../../src/env/env.js';

export class MemoryFile implements File {
  readonly path = 'memory';
  bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    const from = this.bytes.subarray(position, position + target.length);
    target.set(from);
    return Promise.resolve(from.length);
  }

  write(source: Uint8Array, position: number): Promise<number> {
    const end = position + source.length;
    if (end > this.bytes.length) {
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(end - this.bytes.length)]);
    }
    this.bytes.set(source, position);
    return Promise.resolve(source.length);
  }

  writeNow(source: Uint8Array, position: number): Promise<number> {
    return this.write(source, position);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  truncate(bytes: number): Promise<void> {
    this.bytes = Buffer.from(this.bytes.subarray(0, bytes));
    return Promise.resolve();
  }

  size(): Promise<number> {
    return Promise.resolve(this.bytes.length);
  }

  links(): Promise<number> {
    return Promise.resolve(1);
  }

  isInPlace(): Promise<boolean> {
    return Promise.resolve(true);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
