// The prompt's input on a terminal: node:readline with history and completion. Ctrl-C takes back the value that is
// being typed, otherwise the line, otherwise it leaves; while a reply is due the owner decides. Ctrl-R searches the
// history, which node:readline does not: keys pass through this module before node:readline gets them. A line end
// inside a value counts as one byte, as it was typed.

import readline from 'node:readline';
import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

import { coloursFor } from '../terminal/colour.js';
import { CTRL_R, HistorySearch } from './history-search.js';
import { HISTORY_LINES_MAX } from './history.js';
import type { PromptInput, TypedValue } from './piped-input.js';

interface TerminalOptions {
  /** The name before the sign of the prompt. */
  readonly name: string;
  /** Oldest first. Lines that are added later are found too. */
  readonly history: readonly string[];
  /** Returns the candidates for Tab, and the part at the end of the line that they replace. */
  readonly complete: (line: string) => Promise<[string[], string]>;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Called on Ctrl-C while no line is asked for; returns true when it did something. */
  readonly onInterrupt: () => boolean;
}

type Event = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'taken back' };

export class TerminalInput implements PromptInput {
  readonly #options: TerminalOptions;
  readonly #readline: readline.Interface;
  /** The keys that node:readline gets. */
  readonly #keys: Readable & { setRawMode?: (raw: boolean) => void };
  readonly #decoder = new StringDecoder();
  #search: HistorySearch | undefined;
  readonly #events: Event[] = [];
  #wake: () => void = () => {};
  /** Bytes that are missing from a value. */
  #missing: number | undefined;
  /** True while the prompt waits for a line. */
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
    // In a value a Tab is an ordinary byte.
    if (this.#missing !== undefined) return Promise.resolve([['\t'], '']);
    return this.#options.complete(line);
  }

  #listen(): void {
    const { input } = this.#options;
    input.on('data', (bytes) => this.#pass(this.#decoder.write(bytes)));
    input.on('end', () => this.#keys.push(null));
    // New keys must not overtake keys that wait.
    this.#readline.on('pause', () => input.pause());
    this.#readline.on('resume', () => input.resume());
    this.#readline.on('history', (history: string[]) => {
      // Lines of a value are not commands.
      if (this.#missing !== undefined) history.shift();
    });
    this.#readline.on('line', (text) => this.#push({ kind: 'line', text }));
    this.#readline.on('SIGINT', () => this.#interrupt());
    this.#readline.on('close', () => {
      // The shell's prompt should begin on a line of its own.
      if (!this.#closed && this.#asked) this.#options.output.write('\n');
      this.#closed = true;
      this.#wake();
    });
  }

  /** Passes keys on to node:readline, except keys of a search. */
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
    // The prompt also shows before a line that was typed ahead, so that the screen shows the question.
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
