// Runs one of the compiled tools to its end as a process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface ToolRun {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a tool; `tool` is the name of a program in tools/. The user's history and environment stay untouched. */
export async function runTool(
  tool: string,
  args: readonly string[],
  input: Buffer | string = '',
): Promise<ToolRun> {
  const program = join(import.meta.dirname, `../../tools/${tool}.js`);
  const env = { ...process.env, CAIRN_HISTORY: '', NO_COLOR: '1' };
  const child = spawn(process.execPath, [program, ...args], { env });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}
