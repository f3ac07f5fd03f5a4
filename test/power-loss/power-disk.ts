// A mounted file system on a disk that can lose power: powerdisk.c as a FUSE file, a loop device over it, mkfs and mount.
// And images of such a disk, mounted for reading.
//
// Invariant: everything mounted or started here is unmounted and ended by close(), on every path, or when the process ends
// without close().

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { findProgram, run } from '../support/programs.js';
import { removeFolder } from '../support/remove-folder.js';

/** ext4 must not go on formatting in the background: a failing write would hit the formatting. */
const EXT4_NOW = 'nodiscard,lazy_itable_init=0,lazy_journal_init=0';
/**
 * The smallest disks that mkfs accepts, with room for the load, and the bytes that they write whole or not at all. XFS takes
 * a directory block as written when its first sector is, and btrfs mounts by a superblock of 4 KiB that it overwrites in
 * place: both need a disk of 4 KiB sectors.
 */
const MKFS = {
  ext4: { diskMiB: 96, sectorBytes: 512, args: ['-q', '-F', '-m', '0', '-E', EXT4_NOW] },
  xfs: { diskMiB: 304, sectorBytes: 4096, args: ['-q', '-f', '-K', '-s', 'size=4096'] },
  btrfs: { diskMiB: 256, sectorBytes: 4096, args: ['-q', '-f', '-K'] },
} as const;
export type FileSystem = keyof typeof MKFS;
export const FILE_SYSTEMS = Object.keys(MKFS) as FileSystem[];

const sources = join(import.meta.dirname, '../../../test/power-loss');
const COMMAND_TIMEOUT_MS = 60_000;
const MOUNT_TRIES = 50;
const TRY_AGAIN_MS = 20;

const mounted = new Set<string>();
const folders = new Set<string>();
process.on('exit', () => {
  const paths = [...mounted].toReversed();
  if (!paths.every((path) => spawnSync('umount', ['-l', path]).status === 0)) return;
  for (const folder of folders) removeFolder(folder);
});

/** The bit of CAP_SYS_ADMIN in the capabilities of a process, which mount(2) requires. */
const SYS_ADMIN = 1n << 21n;

function mayMount(): boolean {
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return (BigInt(`0x${found?.[1] ?? '0'}`) & SYS_ADMIN) !== 0n;
}

/** Opens the device instead of looking at it: a container's rules about devices show only then. */
function opens(device: string): boolean {
  try {
    closeSync(openSync(device, 'r+'));
    return true;
  } catch {
    return false;
  }
}

/** The Debian package of the file system's `mkfs`. */
const MAKERS: Readonly<Record<FileSystem, string>> = {
  ext4: 'e2fsprogs',
  xfs: 'xfsprogs',
  btrfs: 'btrfs-progs',
};

/** Returns what this machine lacks for a disk that loses power; undefined when it has everything. */
export function lacking(fileSystem: FileSystem = 'ext4'): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (!mayMount()) return 'root';
  if (!opens('/dev/fuse') || !opens('/dev/loop-control')) return '/dev/fuse and loop devices';
  const packages = [
    ...(findProgram('gcc') === undefined ? ['gcc'] : []),
    ...(existsSync('/usr/include/fuse3/fuse.h') ? [] : ['libfuse3-dev']),
    ...(findProgram(`mkfs.${fileSystem}`) === undefined ? [MAKERS[fileSystem]] : []),
  ];
  return packages.length === 0 ? undefined : packages.join(', ');
}

async function must(program: string, ...args: readonly string[]): Promise<void> {
  const done = await run(program, args, { timeoutMs: COMMAND_TIMEOUT_MS });
  if (done.code !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with ${done.code}: ${done.stderr}`);
  }
}

/** A file system that did not come back after a power cut. */
export class MountFailure extends Error {
  override readonly name = 'MountFailure';
}

async function mount(from: string, to: string): Promise<void> {
  const args = ['-o', 'loop', from, to];
  const { code, stderr } = await run('mount', args, { timeoutMs: COMMAND_TIMEOUT_MS });
  if (code !== 0) throw new MountFailure(stderr.trim());
  mounted.add(to);
}

/** Unmounts; the kernel may still be busy for a moment with files that were closed. */
async function unmount(path: string): Promise<void> {
  for (let tries = 1; mounted.has(path); tries++) {
    const args = tries < MOUNT_TRIES ? [path] : ['-l', path];
    const { code } = await run('umount', args, { timeoutMs: COMMAND_TIMEOUT_MS });
    if (code === 0 || tries === MOUNT_TRIES) mounted.delete(path);
    else await setTimeout(TRY_AGAIN_MS);
  }
}

const built = new Map<string, Promise<string>>();
let buildDir: string | undefined;

/** Compiles a source of this folder, once per process; returns the path of the result. */
function build(name: string, ...args: readonly string[]): Promise<string> {
  if (buildDir === undefined) {
    buildDir = mkdtempSync(join(tmpdir(), 'cairn-power-build-'));
    folders.add(buildDir);
  }
  const program = join(buildDir, name);
  const done =
    built.get(name) ??
    must('gcc', '-O2', '-o', program, join(sources, `${name}.c`), ...args).then(() => program);
  built.set(name, done);
  return done;
}

/** Returns the library that a server without syncs must preload. */
export function buildNoSync(): Promise<string> {
  return build('no-sync', '-shared', '-fPIC', '-ldl');
}

export class PowerDisk {
  /** A folder for images and the like, not on the disk; close() removes it. */
  readonly dir: string;
  /** The mount point of the file system. */
  readonly root: string;
  readonly #fuse: string;
  readonly #process: ChildProcess;

  private constructor(dir: string, process: ChildProcess) {
    this.dir = dir;
    this.root = join(dir, 'root');
    this.#fuse = join(dir, 'fuse');
    this.#process = process;
  }

  /** Starts a new disk with an empty file system, mounted. Requires: lacking() returns undefined. */
  static async start(fileSystem: FileSystem): Promise<PowerDisk> {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-power-'));
    folders.add(dir);
    for (const name of ['fuse', 'root', 'look']) mkdirSync(join(dir, name));
    const fuse3 = ['-D_FILE_OFFSET_BITS=64', '-I/usr/include/fuse3', '-lfuse3'];
    const program = await build('powerdisk', ...fuse3);
    const image = join(dir, 'first.img');
    const { diskMiB, sectorBytes, args } = MKFS[fileSystem];
    await writeFile(image, '');
    await truncate(image, diskMiB * 1024 * 1024);
    await must(findProgram(`mkfs.${fileSystem}`) ?? '', ...args, image);
    const child = spawn(program, ['-f', '-s', join(dir, 'fuse')], {
      env: { ...process.env, POWERDISK_IMAGE: image, POWERDISK_SECTOR: String(sectorBytes) },
      stdio: 'inherit',
      // Ctrl-C must reach only the test, which unmounts first.
      detached: true,
    });
    const disk = new PowerDisk(dir, child);
    try {
      await disk.#appear();
      await mount(join(disk.#fuse, 'disk'), disk.root);
      return disk;
    } catch (error) {
      await disk.close();
      throw error;
    }
  }

  async #appear(): Promise<void> {
    mounted.add(this.#fuse);
    while (!existsSync(join(this.#fuse, 'ctl'))) {
      if (this.#process.exitCode !== null) throw new Error('powerdisk did not start');
      await setTimeout(TRY_AGAIN_MS);
    }
  }

  /** Writes to a file what a power cut could leave at this instant; `seed` chooses what of the cache it keeps. */
  crash(seed: number, image: string): Promise<void> {
    return this.#tell(`crash ${seed} ${image}`);
  }

  /** Makes the `count`-th write from now fail with EIO. */
  failWrite(count: number): Promise<void> {
    return this.#tell(`write-error ${count}`);
  }

  /** Makes the `count`-th flush from now, while no block of a journal is cached, fail with EIO and lose the disk's cache. */
  failFlush(count: number): Promise<void> {
    return this.#tell(`flush-error ${count}`);
  }

  /** Turns the disk off. No file may be open there. What the kernel still writes does not matter: powerOn() takes an image. */
  async powerOff(): Promise<void> {
    await unmount(this.root);
  }

  /** Starts the machine again with what the power cut left. Call it after powerOff(). */
  async powerOn(image: string): Promise<void> {
    await this.#tell(`load ${image}`);
    await mount(join(this.#fuse, 'disk'), this.root);
  }

  /**
   * Mounts a copy of an image while `look` reads it. Call it after powerOff(): two file systems with one identity cannot be
   * mounted together.
   */
  async inspect<T>(image: string, look: (root: string) => Promise<T>): Promise<T> {
    const place = join(this.dir, 'look');
    const copy = join(this.dir, 'copy.img');
    await must('cp', '--sparse=always', image, copy);
    await mount(copy, place);
    try {
      return await look(place);
    } finally {
      await unmount(place);
      rmSync(copy);
    }
  }

  /** Unmounts all, ends the FUSE process, and removes the folder. */
  async close(): Promise<void> {
    await unmount(join(this.dir, 'look'));
    await unmount(this.root);
    await unmount(this.#fuse);
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill();
      await ended;
    }
    removeFolder(this.dir);
    folders.delete(this.dir);
  }

  #tell(command: string): Promise<void> {
    return writeFile(join(this.#fuse, 'ctl'), command);
  }
}
