// The operator's log: one line a message on stderr, `<time> cairn: <message> name=value …`, or with
// --log-format json an object with `time`, `level`, `message` and the values. Never a client's value on purpose; what a
// message, a path, a key or a system's error brings along cannot make a line that looks like one of ours.
//
// Invariant: a warning that comes again and again, with every commit perhaps, is one line a minute with its count.

import type { LogFields, Logger } from '../env/env.js';
import { jsonLine, printable, printableLines } from '../printable.js';

/** So long is a warning that was said not said again. */
const REPEAT_MS = 60_000;
/** No more warnings are remembered. */
const REMEMBERED_MAX = 50;

interface LogForm {
  readonly format: 'text' | 'json';
  /** Unix time, for the stamps. */
  readonly wallMs: () => number;
}

const LEVELS = { error: 0, warn: 0, info: 1, debug: 2 } as const;

/** `verbosity`: 0 says warnings and errors, 1 (`-v`) info as well, 2 (`-vv`) debug. May change later. */
export class TextLogger implements Logger {
  verbosity: number;
  #write: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #form: LogForm;
  /** When each was last said, and how often it came since. */
  readonly #said = new Map<string, { atMs: number; times: number }>();

  /** `nowMs` never goes back. */
  constructor(
    verbosity: number,
    write: (line: string) => void,
    nowMs: () => number,
    form: LogForm,
  ) {
    this.verbosity = verbosity;
    this.#write = write;
    this.#nowMs = nowMs;
    this.#form = form;
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
    this.#write(this.#composed('notice', message, {}, ''));
  }

  #line(level: keyof typeof LEVELS, message: string, fields: LogFields = {}): void {
    if (LEVELS[level] > this.verbosity) return;
    const suffix = level === 'warn' ? this.#repeats(message + JSON.stringify(fields)) : '';
    if (suffix !== undefined) this.#write(this.#composed(level, message, fields, suffix));
  }

  /** `suffix` is our own text, behind the rest. */
  #composed(
    level: keyof typeof LEVELS | 'notice',
    message: string,
    fields: LogFields,
    suffix: string,
  ): string {
    const time = new Date(this.#form.wallMs()).toISOString();
    if (this.#form.format === 'json') {
      return `${jsonLine({ time, level, message: message + suffix, ...fields })}\n`;
    }
    const shown = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${printable(String(value))}`);
    const mark = level === 'warn' || level === 'error' ? `${level}: ` : '';
    return `${time} cairn: ${mark}${inLines(message)}${shown.join('')}${suffix}\n`;
  }

  /** What a warning has to add of earlier times; undefined when it was said just now. */
  #repeats(warning: string): string | undefined {
    const nowMs = this.#nowMs();
    const said = this.#said.get(warning);
    if (said !== undefined && nowMs - said.atMs < REPEAT_MS) {
      said.times += 1;
      return undefined;
    }
    const [oldest] = this.#said.keys();
    if (said === undefined && this.#said.size >= REMEMBERED_MAX && oldest !== undefined)
      this.#said.delete(oldest);
    this.#said.set(warning, { atMs: nowMs, times: 0 });
    return said === undefined || said.times === 0 ? '' : ` (and ${said.times} times before)`;
  }
}

/** Lines after the first (a stack, what a program said) are indented. */
function inLines(message: string): string {
  return printableLines(message).replaceAll('\n', '\n  ');
}
