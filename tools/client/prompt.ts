// The prompt: lines in, the server's words out. On a terminal with history, completion and help; from a pipe it
// does the same in silence, so that a script of commands can be fed to it.
// Invariants: one line is dealt with before the next; what the server says is printed unchanged, but on a
// terminal control characters show as \xNN (a value must not be able to steer the terminal).

import { isUtf8 } from 'node:buffer';

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';
import { writeAll, writeForeign } from '../terminal/output.js';
import { exitCodeOfFailure } from '../terminal/program.js';
import { completeLine, helpText, type Mode } from './command-table.js';
import type { Connection } from './connection.js';
import type { History } from './history.js';
import { PipedInput, type PromptInput } from './piped-input.js';
import type { ReplyKind } from './reply-reader.js';
import { TerminalInput } from './terminal-input.js';
import { readTypedLine, type TypedLine } from './typed-line.js';

export interface PromptOptions {
  readonly connect: () => Promise<Connection>;
  /** Where it is connected to, for the prompt. */
  readonly name: string;
  readonly mode: Mode;
  readonly history: History;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

export class Prompt {
  readonly #options: PromptOptions;
  readonly #isTerminal: boolean;
  readonly #input: PromptInput;
  #connection: Connection | undefined;
  #exitCode: ExitCode = EXIT.ok;

  constructor(options: PromptOptions) {
    this.#options = options;
    const { input, output, name, history } = options;
    this.#isTerminal = input.isTTY && output.isTTY;
    this.#input = this.#isTerminal
      ? new TerminalInput({
          name,
          history: history.lines,
          completer: (line, done) => done(null, completeLine(line)),
          input,
          output,
          onInterrupt: () => false,
        })
      : new PipedInput(input);
  }

  /** Connects and serves lines until the end of input, `quit` or Ctrl-C; resolves with the exit code. */
  async run(): Promise<ExitCode> {
    // A first connection at once: a wrong port should not show only after the first command.
    await this.#connected();
    if (this.#isTerminal) await this.#say(`${this.#options.mode} mode; help lists the commands`);
    for (;;) {
      const line = await this.#input.line();
      if (line === undefined) break;
      try {
        await this.#take(line);
      } catch (error: unknown) {
        await this.#complain(error);
      }
    }
    await this.#connection?.close();
    return this.#exitCode;
  }

  async #take(bytes: Buffer): Promise<void> {
    if (!isUtf8(bytes)) return this.#refuse('The line is not valid UTF-8: nothing was sent');
    const line = bytes.toString();
    const typed = readTypedLine(line, this.#options.mode);
    if (typed.kind !== 'nothing' && this.#isTerminal) this.#options.history.add(line.trimEnd());
    switch (typed.kind) {
      case 'nothing':
        return undefined;
      case 'help':
        return this.#print(Buffer.from(`${helpText(this.#options.mode, typed.about)}\n`));
      case 'refused':
        return this.#refuse(typed.message);
      case 'leave':
        return this.#leave();
      case 'announced':
        return this.#takeValue(typed);
      case 'request':
        return this.#exchange([typed.bytes], typed.reply);
    }
  }

  async #takeValue(typed: Extract<TypedLine, { kind: 'announced' }>): Promise<void> {
    const { head, reply, valueBytes } = typed;
    const value = await this.#input.value(valueBytes);
    switch (value.kind) {
      case 'value':
        return this.#exchange([head, value.bytes, Buffer.from('\r\n')], reply);
      case 'wrong': {
        const counts = `${value.length} bytes, and ${valueBytes} were announced`;
        return this.#refuse(`The value has ${counts}: nothing was sent`);
      }
      case 'ended':
        return this.#refuse('The input ended before the value: nothing was sent');
      case 'taken back':
        return undefined;
    }
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
    if (this.#connection !== undefined && !this.#connection.closed)
      await this.#connection.request([Buffer.from('quit\r\n')], 'none');
    this.#input.close();
  }

  #print(bytes: Buffer): Promise<void> {
    if (!this.#isTerminal) return writeAll(this.#options.output, bytes);
    return writeForeign(this.#options.output, bytes);
  }

  #say(text: string): Promise<void> {
    return writeAll(process.stderr, `${printableLines(text)}\n`);
  }

  /** Nothing was sent; a script of commands ends with 64 for it. */
  #refuse(message: string): Promise<void> {
    if (!this.#isTerminal) this.#exitCode = EXIT.usage;
    return this.#say(message);
  }

  async #complain(error: unknown): Promise<void> {
    this.#exitCode = exitCodeOfFailure(error);
    await this.#say(error instanceof Error ? error.message : String(error));
    // Fed from a pipe the rest would only fail in the same way, or worse: out of step.
    if (!this.#isTerminal) this.#input.close();
  }
}
