// The operator's log: one line a message on stderr, `cairn: <message> name=value …`, which a service
// manager stamps with the time. Never a client's data on purpose; what a message, a path or a system's error
// brings along cannot make a line that looks like one of ours.

import type { LogFields, Logger } from './env/env.js';
import { printable, printableLines } from './printable.js';

const LEVELS = { error: 0, warn: 0, info: 1, debug: 2 } as const;

/** `verbosity`: 0 says warnings and errors, 1 (`-v`) info as well, 2 (`-vv`) debug. May change later. */
export class TextLogger implements Logger {
  verbosity: number;
  #write: (line: string) => void;

  constructor(verbosity: number, write: (line: string) => void) {
    this.verbosity = verbosity;
    this.#write = write;
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
    this.#write(`cairn: ${mark}${inLines(message)}${shown.join('')}\n`);
  }
}

/** Lines after the first (a stack, what a program said) are indented. */
function inLines(message: string): string {
  return printableLines(message).replaceAll('\n', '\n  ');
}
