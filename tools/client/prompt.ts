// The interactive prompt: lines in, the server's words out. On a terminal with history, completion and
// help; from a pipe it does the same in silence, so that a script of commands can be fed to it.
// Invariants: one line is dealt with before the next; what the server says is printed unchanged, but
// on a terminal control characters show as \xNN (a value must not be able to steer the terminal).

import readline from 'node:readline';

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';
import { coloursFor } from '../terminal/colour.js';
import { writeAll, writeForeign } from '../terminal/output.js';
import { exitCodeOfFailure } from '../terminal/program.js';
import { completeLine, helpText, type Mode } from './command-table.js';
import type { Connection } from './connection.js';
import type { History } from './history.js';
import { HISTORY_LINES_MAX } from './history.js';
import type { ReplyKind } from './reply-reader.js';
import { readTypedLine } from './typed-line.js';

export interface PromptOptions {
  readonly connect: () => Promise<Connection>;
  /** Where it is connected to, for the prompt. */
  readonly name: string;
  readonly mode: Mode;
  readonly history: History;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** A value that was announced and is being typed. */
interface Awaited {
  readonly head: Buffer;
  readonly reply: ReplyKind;
  readonly valueBytes: number;
  value: Buffer | undefined;
}

export class Prompt {
  readonly #options: PromptOptions;
  readonly #isTerminal: boolean;
  readonly #lines: string[] = [];
  readonly #readline: readline.Interface;
  #connection: Connection | undefined;
  #awaited: Awaited | undefined;
  /** True while a line is dealt with, and until the first connection stands. */
  #busy = true;
  #ended = false;
  #exitCode: ExitCode = EXIT.ok;
  #settle: (code: ExitCode) => void = () => {};

  constructor(options: PromptOptions) {
    this.#options = options;
    this.#isTerminal = options.input.isTTY && options.output.isTTY;
    this.#readline = readline.createInterface({
      input: options.input,
      ...(this.#isTerminal ? { output: options.output } : {}),
      terminal: this.#isTerminal,
      history: options.history.lines.toReversed(),
      historySize: HISTORY_LINES_MAX,
      removeHistoryDuplicates: true,
      completer: completeLine,
    });
    this.#listen();
  }

  /** Connects and serves lines until the end of input, `quit` or Ctrl-C; resolves with the exit code. */
  async run(): Promise<ExitCode> {
    // A first connection at once: a wrong port should not show only after the first command.
    await this.#connected();
    const done = new Promise<ExitCode>((resolve) => {
      this.#settle = resolve;
    });
    if (this.#isTerminal) await this.#say(`${this.#options.mode} mode; help lists the commands`);
    this.#showPrompt();
    this.#busy = false;
    this.#pump();
    return done;
  }

  /** From the start: a pipe delivers its lines, and its end, before the connection stands. */
  #listen(): void {
    this.#readline.on('history', (history: string[]) => {
      // Lines of a value are not commands.
      if (this.#awaited !== undefined) history.shift();
    });
    this.#readline.on('line', (line) => {
      this.#lines.push(line);
      this.#pump();
    });
    this.#readline.on('SIGINT', () => this.#interrupt());
    this.#readline.on('close', () => {
      // The shell's prompt should not stand behind ours.
      if (this.#isTerminal && !this.#ended) this.#options.output.write('\n');
      this.#ended = true;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#busy) return;
    const line = this.#lines.shift();
    if (line === undefined) {
      if (this.#ended) void this.#finish();
      return;
    }
    this.#busy = true;
    void this.#take(line)
      .catch((error: unknown) => this.#complain(error))
      .then(() => {
        this.#busy = false;
        if (!this.#ended) this.#showPrompt();
        this.#pump();
      });
  }

  async #take(line: string): Promise<void> {
    if (this.#awaited !== undefined) return this.#takeValue(this.#awaited, line);
    const typed = readTypedLine(line, this.#options.mode);
    if (typed.kind !== 'nothing' && this.#isTerminal) this.#options.history.add(line.trimEnd());
    switch (typed.kind) {
      case 'nothing':
        return undefined;
      case 'help':
        return this.#print(Buffer.from(`${helpText(this.#options.mode, typed.about)}\n`));
      case 'refused':
        return this.#say(`Usage: ${typed.message}`);
      case 'leave':
        return this.#leave();
      case 'announced':
        this.#awaited = { ...typed, value: undefined };
        return undefined;
      case 'request':
        return this.#exchange([typed.bytes], typed.reply);
    }
  }

  async #takeValue(awaited: Awaited, line: string): Promise<void> {
    const bytes = Buffer.from(line);
    // Line ends inside a value count as one byte, as they were typed.
    awaited.value =
      awaited.value === undefined
        ? bytes
        : Buffer.concat([awaited.value, Buffer.from('\n'), bytes]);
    const { head, reply, value, valueBytes } = awaited;
    if (value.length < valueBytes) return undefined;
    this.#awaited = undefined;
    if (value.length > valueBytes) {
      const counts = `${value.length} bytes, and ${valueBytes} were announced`;
      return this.#say(`The value has ${counts}: nothing was sent`);
    }
    return this.#exchange([head, value, Buffer.from('\r\n')], reply);
  }

  async #exchange(pieces: readonly Buffer[], kind: ReplyKind): Promise<void> {
    const connection = await this.#connected();
    const reply = await connection.request(pieces, kind);
    for (const piece of reply.raw) await this.#print(piece);
  }

  async #connected(): Promise<Connection> {
    if (this.#connection === undefined || this.#connection.closed) {
      this.#connection = await this.#options.connect();
      this.#connection.onUnasked = (bytes) => void this.#print(bytes);
    }
    return this.#connection;
  }

  async #leave(): Promise<void> {
    this.#lines.length = 0;
    if (this.#connection !== undefined && !this.#connection.closed)
      await this.#connection.request([Buffer.from('quit\r\n')], 'none');
    this.#ended = true;
    this.#readline.close();
  }

  /** Ctrl-C takes back the value that is being typed, else the line, else leaves. */
  #interrupt(): void {
    if (this.#awaited === undefined && this.#readline.line === '') {
      this.#readline.close();
      return;
    }
    this.#awaited = undefined;
    this.#options.output.write('\n');
    this.#readline.write(null, { ctrl: true, name: 'u' });
    this.#showPrompt();
  }

  async #finish(): Promise<void> {
    if (this.#awaited !== undefined) {
      await this.#say('The input ended before the value: nothing was sent');
      this.#exitCode = EXIT.usage;
      this.#awaited = undefined;
    }
    await this.#connection?.close();
    this.#settle(this.#exitCode);
  }

  #showPrompt(): void {
    if (!this.#isTerminal) return;
    const colours = coloursFor(this.#options.output);
    const missing = (this.#awaited?.valueBytes ?? 0) - (this.#awaited?.value?.length ?? 0);
    const text = this.#awaited === undefined ? this.#options.name : `${missing} bytes`;
    this.#readline.setPrompt(`${colours.cyan(text)}> `);
    this.#readline.prompt();
  }

  #print(bytes: Buffer): Promise<void> {
    if (!this.#isTerminal) return writeAll(this.#options.output, bytes);
    return writeForeign(this.#options.output, bytes);
  }

  #say(text: string): Promise<void> {
    return writeAll(process.stderr, `${printableLines(text)}\n`);
  }

  async #complain(error: unknown): Promise<void> {
    this.#exitCode = exitCodeOfFailure(error);
    await this.#say(error instanceof Error ? error.message : String(error));
    // Fed from a pipe the rest would only fail in the same way, or worse: out of step.
    if (this.#isTerminal) return;
    this.#lines.length = 0;
    this.#ended = true;
    this.#readline.close();
  }
}
