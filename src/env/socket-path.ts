// Paths of unix sockets in directories with long names: the kernel takes at most 107 bytes of path, and Node cuts off
// the rest without an error. A longer path is reached through an open descriptor of the directory.

import fs from 'node:fs';
import { join } from 'node:path';

import { KvError } from '../errors.js';

const PATH_BYTES_MAX = 100;
const KERNEL_BYTES_MAX = 107;

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

/** Throws KV_BAD_OPTION for a path of which the kernel would take only a beginning, which is another socket. */
export function requireWholeSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= KERNEL_BYTES_MAX) return;
  const message = `The path of a unix socket has at most ${KERNEL_BYTES_MAX} bytes, and this one has ${bytes}; name a shorter one`;
  throw new KvError('KV_BAD_OPTION', message, { path });
}
