// The machine, as far as rows need it: programs, root, small file systems, the figures of a process. A row says what it
// lacks on this machine. What was mounted is unmounted, also when the run is interrupted.

import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/programs.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

/** Returns the Debian packages whose programs are missing, with commas; undefined when all are installed. */
export function missingPackages(programs: Readonly<Record<string, string>>): string | undefined {
  const missing = Object.keys(programs)
    .filter((name) => findProgram(name) === undefined)
    .map((name) => programs[name]);
  return missing.length === 0 ? undefined : missing.join(', ');
}

export const isRoot = (): boolean => process.getuid?.() === 0;

export interface SmallDisk {
  /** An empty directory on the disk. */
  readonly dir: string;
  /** The root of the disk. */
  readonly mountPoint: string;
  remove(): void;
}

const mounted = new Set<string>();
process.on('exit', () => {
  for (const path of mounted) unmount(path);
});

/** Mounts a tmpfs; throws the error that mount(8) prints. The caller must call `remove`. */
export function mountTmpfs(options: string): SmallDisk {
  return mountAt((path) => run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]));
}

/** Mounts a file with ext4 in it, on a loop device. */
export function mountExt4(megabytes: number): SmallDisk {
  return mountAt((path, folder) => {
    const image = join(folder, 'image');
    const file = openSync(image, 'w');
    ftruncateSync(file, megabytes * 1024 * 1024);
    closeSync(file);
    run('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    run('mount', ['-o', 'loop', image, path]);
  });
}

/** Checks whether this user may mount: root in a container often may not. */
export function canMount(): boolean {
  if (!isRoot()) return false;
  try {
    mountTmpfs('size=64k').remove();
    return true;
  } catch {
    return false;
  }
}

function mountAt(mount: (path: string, folder: string) => void): SmallDisk {
  const folder = temporaryFolder();
  const mountPoint = join(folder, 'disk');
  mkdirSync(mountPoint);
  try {
    mount(mountPoint, folder);
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
  mounted.add(mountPoint);
  const dir = join(mountPoint, 'data');
  mkdirSync(dir);
  return {
    dir,
    mountPoint,
    remove: () => {
      unmount(mountPoint);
      removeFolder(folder);
    },
  };
}

function unmount(path: string): void {
  // The unmount is lazy: a server that is just being killed may still have files open.
  run('umount', ['-l', path]);
  mounted.delete(path);
}

export function run(program: string, args: readonly string[]): string {
  return execFileSync(findProgram(program) ?? program, [...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Returns the memory of a process in bytes: resident now (`VmRSS`) or the peak so far (`VmHWM`). */
export function memoryBytes(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}

export const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
