// 64-bit fields as plain numbers, without BigInt: each number that the log keeps in 64 bits is a safe integer.

import { broken } from '../../assert.js';

export function writeUInt64(target: Buffer, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) broken('A 64-bit field holds a safe integer');
  target.writeUInt32LE(value % 2 ** 32, at);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

export function readUInt64(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readUInt32LE(at + 4) * 2 ** 32;
}
