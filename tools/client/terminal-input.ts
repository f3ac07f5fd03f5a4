// The prompt's input on a terminal: node:readline with history and completion. Ctrl-C takes back the value that
// is being typed, else the line, else leaves; while a reply is due the owner decides.
// Ctrl-R searches the history, which node:readline does not: keys pass through here before they come to it.
// Line ends inside a value count as one byte, as they were typed.

import readline from 'node:readline';
import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

import { coloursFor } from '../terminal/colour.js';
import { CTRL_R, HistorySearch } from './history-search.js';
import { HISTORY_LINES_MAX } from './history.js';
import type { PromptInput, TypedValue } from './piped-input.js';

interface TerminalOptions {
  /** What stands before the sign of the prompt. */
  readonly name: string;
  /** Oldest first; lines that are added are found as well. */
  readonly history: readonly string[];
  /** What Tab offers, and the end of the line that it stands for. */
  readonly complete: (line: string) => Promise<[string[], string]>;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Ctrl-C while nothing is asked for; true when it was needed. */
  readonly onInterrupt: () => boolean;
}

type Event = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'taken back' };

export class TerminalInput implements PromptInput {
  readonly #options: TerminalOptions;
  readonly #readline: readline.Interface;
  /** The keys as node:readline gets them. */
  readonly #keys: Readable & { setRawMode?: (raw: boolean) => void };
  readonly #decoder = new StringDecoder();
  #search: HistorySearch | undefined;
  readonly #events: Event[] = [];
  #wake: () => void = () => {};
  /** Bytes that are missing from a value. */
  #missing: number | undefined;
  /** Whether somebody waits for a line. */
  #asked = false;
  #closed = false;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#keys = new Readable({ read: () => undefined });
    this.#keys.setRawMode = (raw) => options.input.setRawMode(raw);
    this.#readline = readline.createInterface({
      input: this.#keys,
      output: options.output,
      terminal: true,
      history: options.history.toReversed(),
      historySize: HISTORY_LINES_MAX,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, found: [string[], string]) => void) => {
        void this.#complete(line).then((found) => done(null, found));
      },
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

  #complete(line: string): Promise<[string[], string]> {
    // In a value Tab is a byte like others.
    if (this.#missing !== undefined) return Promise.resolve([['\t'], '']);
    return this.#options.complete(line);
  }

  #listen(): void {
    const { input } = this.#options;
    input.on('data', (bytes) => this.#pass(this.#decoder.write(bytes)));
    input.on('end', () => this.#keys.push(null));
    // Nothing may overtake keys that wait in between.
    this.#readline.on('pause', () => input.pause());
    this.#readline.on('resume', () => input.resume());
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

  /** Keys on their way to node:readline, but those of a search. */
  #pass(keys: string): void {
    if (this.#closed) return;
    if (this.#search === undefined) {
      const begin = this.#missing === undefined ? keys.indexOf(CTRL_R) : -1;
      if (begin !== 0 && keys !== '') this.#keys.push(begin < 0 ? keys : keys.slice(0, begin));
      if (begin < 0) return;
      this.#search = new HistorySearch(this.#options.history, this.#readline.line);
      this.#pass(keys.slice(begin + 1));
      return;
    }
    const search = this.#search;
    const end = search.type(keys);
    if (end !== undefined) this.#search = undefined;
    this.#readline.setPrompt(this.#promptText());
    this.#replaceLine(end?.kind === 'left' ? search.before : search.line);
    if (end !== undefined && end.rest !== '') this.#pass(end.rest);
  }

  #replaceLine(line: string): void {
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
    if (line !== '') this.#readline.write(line);
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
    this.#replaceLine('');
    if (this.#missing !== undefined) this.#push({ kind: 'taken back' });
    else this.#showPrompt();
  }

  #showPrompt(): void {
    this.#readline.setPrompt(this.#promptText());
    this.#readline.prompt();
  }

  #promptText(): string {
    if (this.#search !== undefined) return this.#search.prompt;
    const colours = coloursFor(this.#options.output);
    const text = this.#missing === undefined ? this.#options.name : `${this.#missing} bytes`;
    return `${colours.cyan(text)}> `;
  }
}
