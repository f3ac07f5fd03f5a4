// The operator's log: one line a message on stderr, `cairn: <message> name=value …`, which a service
// manager stamps with the time. Never a client's data on purpose; what a message, a path or a system's error
// brings along cannot make a line that looks like one of ours.
//
// Invariant: a warning that comes again and again, with every commit perhaps, is one line a minute with its count.

import type { LogFields, Logger } from '../env/env.js';
import { printable, printableLines } from '../printable.js';

/** So long is a warning that was said not said again. */
const REPEAT_MS = 60_000;
/** No more warnings are remembered. */
const REMEMBERED_MAX = 50;

const LEVELS = { error: 0, warn: 0, info: 1, debug: 2 } as const;

/** `verbosity`: 0 says warnings and errors, 1 (`-v`) info as well, 2 (`-vv`) debug. May change later. */
export class TextLogger implements Logger {
  verbosity: number;
  #write: (line: string) => void;
  readonly #nowMs: () => number;
  /** When each was last said, and how often it came since. */
  readonly #said = new Map<string, { atMs: number; times: number }>();

  /** `nowMs` never goes back. */
  constructor(verbosity: number, write: (line: string) => void, nowMs: () => number) {
    this.verbosity = verbosity;
    this.#write = write;
    this.#nowMs = nowMs;
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields);
  }

  /** Nobody reads any more: a daemon that serves. */
  silence(): void {
    this.#write = () => undefined;
  }

  /** Said whatever the level: the line of the start, the line of the end. */
  notice(message: string): void {
    this.#write(`cairn: ${inLines(message)}\n`);
  }

  #line(level: keyof typeof LEVELS, message: string, fields: LogFields = {}): void {
    if (LEVELS[level] > this.verbosity) return;
    const shown = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${printable(String(value))}`);
    const mark = level === 'warn' || level === 'error' ? `${level}: ` : '';
    const line = `cairn: ${mark}${inLines(message)}${shown.join('')}`;
    const suffix = level === 'warn' ? this.#repeats(line) : '';
    if (suffix !== undefined) this.#write(`${line}${suffix}\n`);
  }

  /** What a warning has to add of earlier times; undefined when it was said just now. */
  #repeats(line: string): string | undefined {
    const nowMs = this.#nowMs();
    const said = this.#said.get(line);
    if (said !== undefined && nowMs - said.atMs < REPEAT_MS) {
      said.times += 1;
      return undefined;
    }
    const [oldest] = this.#said.keys();
    if (said === undefined && this.#said.size >= REMEMBERED_MAX && oldest !== undefined)
      this.#said.delete(oldest);
    this.#said.set(line, { atMs: nowMs, times: 0 });
    return said === undefined || said.times === 0 ? '' : ` (and ${said.times} times before)`;
  }
}

/** Lines after the first (a stack, what a program said) are indented. */
function inLines(message: string): string {
  return printableLines(message).replaceAll('\n', '\n  ');
}
