// Programs of the operating system that a test needs: is it there, and run it to its end.
// A missing one skips the test and names the Debian package (`skipped: needs strace`), never passes it.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';

/** Debian keeps daemons (nutcracker) outside the path of a plain user. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The full path of a program, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  if (name.startsWith('/')) return isExecutable(name) ? name : undefined;
  return FOLDERS.map((folder) => join(folder, name)).find(isExecutable);
}

const missingPackages = new Set<string>();

/** One line for all tests that were skipped for want of a package; undefined when none was. */
export function installHint(packages: ReadonlySet<string> = missingPackages): string | undefined {
  if (packages.size === 0) return undefined;
  return `Skipped tests need: apt-get install ${[...packages].sort().join(' ')}`;
}

/** Marks the running test (or hook) as skipped and says what it would need. */
export function skip(context: Context, wanted: string): never {
  const note = `skipped: needs ${wanted}`;
  if (context.test !== undefined) context.test.title += ` (${note})`;
  process.stderr.write(`${note}\n`);
  if (/^[a-z0-9][a-z0-9.+-]+$/.test(wanted) && wanted !== 'root') missingPackages.add(wanted);
  return context.skip();
}

/** The full path of a program; skips the test when its Debian package is not installed. */
export function requireProgram(context: Context, name: string, debianPackage: string): string {
  return findProgram(name) ?? skip(context, debianPackage);
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a non-zero code is a result, not an error. Killed after `timeoutMs`. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs?: number; readonly cwd?: string; readonly input?: string } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const settings = { timeout: options.timeoutMs ?? 30_000, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(
      program,
      args,
      options.cwd === undefined ? settings : { ...settings, cwd: options.cwd },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') {
          reject(new Error(`${program} ${args.join(' ')}: ${error.message} ${stdout}${stderr}`));
        } else {
          resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
        }
      },
    );
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reject(error);
    });
    child.stdin?.end(options.input ?? '');
  });
}
