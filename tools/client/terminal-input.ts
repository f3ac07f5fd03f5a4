// The prompt's input on a terminal: node:readline with history and completion. Ctrl-C takes back the value that
// is being typed, else the line, else leaves; while a reply is due the owner decides.
// Line ends inside a value count as one byte, as they were typed.

import readline from 'node:readline';

import { coloursFor } from '../terminal/colour.js';
import { HISTORY_LINES_MAX } from './history.js';
import type { PromptInput, TypedValue } from './piped-input.js';

interface TerminalOptions {
  /** What stands before the sign of the prompt. */
  readonly name: string;
  /** Oldest first. */
  readonly history: readonly string[];
  readonly completer: readline.AsyncCompleter;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Ctrl-C while nothing is asked for; true when it was needed. */
  readonly onInterrupt: () => boolean;
}

type Event = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'taken back' };

export class TerminalInput implements PromptInput {
  readonly #options: TerminalOptions;
  readonly #readline: readline.Interface;
  readonly #events: Event[] = [];
  #wake: () => void = () => {};
  /** Bytes that are missing from a value. */
  #missing: number | undefined;
  /** Whether somebody waits for a line. */
  #asked = false;
  #closed = false;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#readline = readline.createInterface({
      input: options.input,
      output: options.output,
      terminal: true,
      history: options.history.toReversed(),
      historySize: HISTORY_LINES_MAX,
      removeHistoryDuplicates: true,
      completer: options.completer,
    });
    this.#listen();
  }

  async line(): Promise<Buffer | undefined> {
    for (;;) {
      const event = await this.#next();
      if (event === undefined) return undefined;
      if (event.kind === 'line') return Buffer.from(event.text);
    }
  }

  async value(bytes: number): Promise<TypedValue> {
    let value: Buffer | undefined;
    try {
      do {
        this.#missing = bytes - (value?.length ?? 0);
        const event = await this.#next();
        if (event === undefined) return { kind: 'ended' };
        if (event.kind === 'taken back') return event;
        const line = Buffer.from(event.text);
        value = value === undefined ? line : Buffer.concat([value, Buffer.from('\n'), line]);
      } while (value.length < bytes);
    } finally {
      this.#missing = undefined;
    }
    return value.length === bytes
      ? { kind: 'value', bytes: value }
      : { kind: 'wrong', length: value.length };
  }

  close(): void {
    this.#events.length = 0;
    this.#readline.close();
  }

  #listen(): void {
    this.#readline.on('history', (history: string[]) => {
      // Lines of a value are not commands.
      if (this.#missing !== undefined) history.shift();
    });
    this.#readline.on('line', (text) => this.#push({ kind: 'line', text }));
    this.#readline.on('SIGINT', () => this.#interrupt());
    this.#readline.on('close', () => {
      // The shell's prompt should not stand behind ours.
      if (!this.#closed && this.#asked) this.#options.output.write('\n');
      this.#closed = true;
      this.#wake();
    });
  }

  #push(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }

  async #next(): Promise<Event | undefined> {
    // Also before a line that was typed ahead: the screen shows what asked for it.
    if (!this.#closed) this.#showPrompt();
    if (this.#events.length === 0 && !this.#closed) {
      this.#asked = true;
      while (this.#events.length === 0 && !this.#closed)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      this.#asked = false;
    }
    return this.#events.shift();
  }

  #interrupt(): void {
    if (!this.#asked && this.#options.onInterrupt()) return;
    if (this.#missing === undefined && this.#readline.line === '') {
      this.#readline.close();
      return;
    }
    this.#options.output.write('\n');
    this.#readline.write(null, { ctrl: true, name: 'u' });
    if (this.#missing !== undefined) this.#push({ kind: 'taken back' });
    else this.#showPrompt();
  }

  #showPrompt(): void {
    const colours = coloursFor(this.#options.output);
    const text = this.#missing === undefined ? this.#options.name : `${this.#missing} bytes`;
    this.#readline.setPrompt(`${colours.cyan(text)}> `);
    this.#readline.prompt();
  }
}
