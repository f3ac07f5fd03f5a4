// The prompt's history: a file in the user's state directory, one line per command, newest last. Its mode is 0600,
// because commands may hold values. The file never grows far over HISTORY_LINES_MAX lines. A history that cannot be
// read or written must not keep anybody from working: it is then not kept.

import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

import fs from 'fs-extra';

import { makeDir } from '../../src/env/adopt.js';
import { failureText } from '../../src/errors.js';

export const HISTORY_LINES_MAX = 1000;
/**
 * A longer line is probably a pasted value: nobody looks for it, and without this limit the file would have no bound.
 */
export const HISTORY_LINE_LENGTH_MAX = 10_000;

/** Returns CAIRN_HISTORY (empty: no history), otherwise `cairn/client-history` in the XDG state directory. */
export function historyPath(env: NodeJS.ProcessEnv): string | undefined {
  const own = env['CAIRN_HISTORY'];
  if (own !== undefined) return own === '' ? undefined : own;
  const state = env['XDG_STATE_HOME'] ?? '';
  return join(state === '' ? join(homedir(), '.local', 'state') : state, 'cairn', 'client-history');
}

export class History {
  #path: string | undefined;
  /** Oldest first. */
  readonly lines: string[];

  private constructor(path: string | undefined, lines: string[]) {
    this.#path = path;
    this.lines = lines;
  }

  /** Loads the kept lines, and shortens a file that has grown over the bound. */
  static async load(path: string | undefined): Promise<History> {
    if (path === undefined) return new History(undefined, []);
    try {
      await makeDir(dirname(path));
      const text = await fs.readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      const all = text.split('\n').filter((line) => line !== '');
      const lines = all.slice(-HISTORY_LINES_MAX);
      if (lines.length < all.length) await fs.writeFile(path, `${lines.join('\n')}\n`);
      return new History(path, lines);
    } catch {
      return new History(undefined, []);
    }
  }

  /** Keeps a line at once, so that a crash of the terminal loses none. A repeated line is kept once. */
  add(line: string): void {
    if (line.trim() === '' || line === this.lines.at(-1)) return;
    if (line.length > HISTORY_LINE_LENGTH_MAX) return;
    this.lines.push(line);
    if (this.lines.length > HISTORY_LINES_MAX) this.lines.shift();
    if (this.#path === undefined) return;
    try {
      fs.appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
    } catch (error: unknown) {
      // The message is printed once.
      this.#path = undefined;
      process.stderr.write(`The history is not kept: ${failureText(error)}\n`);
    }
  }
}
