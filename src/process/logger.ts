// The operator's log: writes one line per message to stderr, `<time> cairn: <message> name=value …`, or with
// --log-format json an object with `time`, `level`, `message` and the values. It logs no client's value on purpose.
// The text of a message, a path, a key or a system's error cannot forge a line that looks like one of ours.
//
// Invariant: a warning that repeats, perhaps with every commit, gives at most one line per minute, with its count.

import type { LogFields, Logger } from '../env/env.js';
import { jsonLine, printable, printableLines } from '../printable.js';

/** A warning that was logged is not logged again within this time. */
const REPEAT_MS = 60_000;
/** At most this many warnings are remembered. */
const REMEMBERED_MAX = 50;

interface LogForm {
  readonly format: 'text' | 'json';
  /** Unix time, for the time stamps. */
  readonly wallMs: () => number;
}

const LEVELS = { error: 0, warn: 0, info: 1, debug: 2 } as const;

/** `verbosity` 0 logs warnings and errors, 1 (`-v`) info as well, 2 (`-vv`) debug too. It may change at run time. */
export class TextLogger implements Logger {
  verbosity: number;
  #write: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #form: LogForm;
  /** For each warning: when it was last logged, and how often it came since. */
  readonly #logged = new Map<string, { atMs: number; times: number }>();

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

  /** Stops all output. A daemon calls this once it serves, because nobody reads its output then. */
  silence(): void {
    this.#write = () => undefined;
  }

  /** Logs at every verbosity: used for the lines of the start and the stop. */
  notice(message: string): void {
    this.#write(this.#composed('notice', message, {}, ''));
  }

  #line(level: keyof typeof LEVELS, message: string, fields: LogFields = {}): void {
    if (LEVELS[level] > this.verbosity) return;
    const suffix = level === 'warn' ? this.#repeats(message + JSON.stringify(fields)) : '';
    if (suffix !== undefined) this.#write(this.#composed(level, message, fields, suffix));
  }

  /** `suffix` is our own text and comes last. */
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

  /** Returns the text that counts the repetitions of a warning; undefined when it was logged within REPEAT_MS. */
  #repeats(warning: string): string | undefined {
    const nowMs = this.#nowMs();
    const last = this.#logged.get(warning);
    if (last !== undefined && nowMs - last.atMs < REPEAT_MS) {
      last.times += 1;
      return undefined;
    }
    const [oldest] = this.#logged.keys();
    if (last === undefined && this.#logged.size >= REMEMBERED_MAX && oldest !== undefined)
      this.#logged.delete(oldest);
    this.#logged.set(warning, { atMs: nowMs, times: 0 });
    return last === undefined || last.times === 0 ? '' : ` (and ${last.times} times before)`;
  }
}

/** Indents the lines after the first one (of a stack, or of a program's output). */
function inLines(message: string): string {
  return printableLines(message).replaceAll('\n', '\n  ');
}
