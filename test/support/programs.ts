// Programs of the operating system that a test needs: finds one, and runs it to its end.
// A test whose program is missing is skipped and names the Debian package (`skipped: needs strace`); it never passes.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';

/** Debian keeps daemons (nutcracker) outside the PATH of an ordinary user. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns the full path of a program, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  if (name.startsWith('/')) return isExecutable(name) ? name : undefined;
  return FOLDERS.map((folder) => join(folder, name)).find(isExecutable);
}

/** Everything that tests of this run lacked and were skipped for. */
const wants = new Set<string>();

export function wanted(): string[] {
  return [...wants];
}

function isPackage(want: string): boolean {
  return want !== 'root' && /^[a-z0-9][a-z0-9.+-]+$/.test(want);
}

/** Returns one line for all tests that were skipped: what to install, and what no package brings. */
export function skipSummary(skipped: number, needs: ReadonlySet<string> = wants): string {
  const all = [...needs].sort();
  const packages = all.filter(isPackage);
  const others = all.filter((want) => !isPackage(want));
  const parts = [
    ...(packages.length > 0 ? [`apt-get install ${packages.join(' ')}`] : []),
    ...(others.length > 0 ? [`needs ${others.join(', ')}`] : []),
  ];
  return `${skipped} skipped: ${parts.length > 0 ? parts.join('; ') : 'see above'}`;
}

/** Marks the running test (or hook) as skipped and prints what it would need: Debian packages, or other things in words. */
export function skip(context: Context, ...wanted: readonly string[]): never {
  const note = `skipped: needs ${wanted.join(' and ')}`;
  if (context.test !== undefined) context.test.title += ` (${note})`;
  process.stderr.write(`${note}\n`);
  for (const want of wanted) wants.add(want);
  return context.skip();
}

/** Returns the full path of a program; skips the test when its Debian package is not installed. */
export function requireProgram(context: Context, name: string, debianPackage: string): string {
  return findProgram(name) ?? skip(context, debianPackage);
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a non-zero code is a result, not an error. The program is killed after `timeoutMs`. */
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
    // The exit code, not this error, tells the fate of a program that ends without reading its input.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reject(error);
    });
    child.stdin?.end(options.input ?? '');
  });
}
