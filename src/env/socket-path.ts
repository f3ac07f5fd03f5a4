// Paths of unix sockets in directories with long names: the kernel takes at most 107 bytes of path, and Node cuts off
// the rest without an error. A longer path is reached through an open descriptor of the directory.

import fs from 'node:fs';
import { join } from 'node:path';

const PATH_BYTES_MAX = 100;

export interface SocketPath {
  /** For listen() and connect(); valid until close. */
  readonly path: string;
  close(): void;
}

/** Returns a path of the socket `name` in `dir`. Throws the system's error when there is no such directory. */
export function openSocketPath(dir: string, name: string): SocketPath {
  const path = join(dir, name);
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, close: () => {} };
  const fd = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${name}`, close: () => fs.closeSync(fd) };
}
