// The file system of a directory, and the time of its synchronous writes. They are measured as the log writes: 4 KiB
// with O_DSYNC over bytes that exist already. The doubts follow from them: a disk that is faster than its kind can be
// keeps the write in a cache that a power cut empties.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, stat, statfs } from 'node:fs/promises';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { spreadOf, type Spread } from './percentile.js';

export interface Disk {
  /** A name such as `ext4` or `tmpfs`; the type as a hexadecimal number when this module has no name for it. */
  readonly fileSystem: string;
  /** The kind of cache that the block device reports to the kernel: `write back`, `write through`. */
  readonly writeCache: string | undefined;
  readonly syncs: number;
  readonly syncMs: Spread;
}

const WRITE_BYTES = 4096;
const FILE_BYTES = 1024 * 1024;
const SYNCS_MAX = 1000;
const MEASURE_MS_MAX = 2000;
/** Programming a page of flash takes longer than this, and so does any rotation of a magnetic disk. */
const FLASH_MS_MIN = 0.15;
/** No way to a disk and back takes less time. */
const DEVICE_MS_MIN = 0.01;

/** Names of the types of statfs(2). */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
  [0x2fc1_2fc1, 'zfs'],
  [0xf2f5_2010, 'f2fs'],
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
  [0x794c_7630, 'overlayfs'],
  [0x6969, 'nfs'],
  [0xff53_4d42, 'cifs'],
  [0xfe53_4d42, 'smb2'],
  [0x6573_5546, 'fuse'],
]);

/** Measures in a file of its own in `dir`, which it leaves there. Takes at most two seconds. */
export async function measureDisk(dir: string): Promise<Disk> {
  const { type } = await statfs(dir);
  const samples = await timeSyncs(join(dir, 'sync-latency'));
  return {
    fileSystem: FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`,
    writeCache: await writeCacheOf(dir),
    syncs: samples.length,
    syncMs: spreadOf(samples),
  };
}

async function timeSyncs(path: string): Promise<number[]> {
  const ahead = await open(path, 'wx');
  await ahead.write(Buffer.alloc(FILE_BYTES));
  await ahead.sync();
  await ahead.close();
  const file = await open(path, constants.O_WRONLY | constants.O_DSYNC);
  const bytes = randomBytes(WRITE_BYTES);
  const samples: number[] = [];
  const endMs = performance.now() + MEASURE_MS_MAX;
  try {
    for (let at = 0; samples.length < SYNCS_MAX && performance.now() < endMs; at += WRITE_BYTES) {
      const startedMs = performance.now();
      // The write is not async: the way through a thread would be part of the figure.
      writeSync(file.fd, bytes, 0, WRITE_BYTES, at % FILE_BYTES);
      samples.push(performance.now() - startedMs);
      await setImmediate();
    }
  } finally {
    await file.close();
  }
  return samples;
}

/** Returns the cache of the device, or of the disk that it is a partition of; undefined where there is none. */
async function writeCacheOf(dir: string): Promise<string | undefined> {
  const { dev } = await stat(dir);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const device = `/sys/dev/block/${major}:${minor}`;
  for (const queue of [`${device}/queue`, `${device}/../queue`]) {
    const text = await readFile(`${queue}/write_cache`, 'utf8').catch(() => undefined);
    if (text !== undefined) return text.trim();
  }
  return undefined;
}

/** Returns the reasons to doubt that synced bytes survive a power cut there, as sentences. */
export function doubtsOf({ fileSystem, syncMs }: Disk): string[] {
  if (fileSystem === 'tmpfs' || fileSystem === 'ramfs') {
    return [`This is memory, not a disk (${fileSystem}): a power cut empties it.`];
  }
  const figure = `Half of the synced writes took less than ${Math.ceil(syncMs.p50 * 1000)} µs`;
  if (syncMs.p50 < DEVICE_MS_MIN) {
    return [`${figure}: no disk answers so fast, so syncs do not reach one.`];
  }
  if (syncMs.p50 < FLASH_MS_MIN) {
    return [
      `${figure}: faster than flash can be written. That is sound only when the disk protects its cache ` +
        'against power loss (server SSDs, controllers with a battery); in a virtual machine ask who does.',
    ];
  }
  return [];
}
