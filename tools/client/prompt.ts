// The prompt: reads lines, and prints the server's words. On a terminal it has history, completion and help. From a
// pipe it does the same without prompts, so that a script of commands can be fed to it.
// Invariants:
// - A line is done before the next one is read.
// - The server's words are printed unchanged. On a terminal control characters show as \xNN, because a value must not
//   be able to steer the terminal.
// - From a pipe every line runs, and the first one that was refused decides the exit code.

import { isUtf8 } from 'node:buffer';

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';
import { ClosedPipe, writeAll, writeForeign } from '../terminal/output.js';
import { ToolError, exitCodeOfFailure } from '../terminal/program.js';
import {
  completeLine,
  findCommand,
  helpText,
  keyBeginning,
  meant,
  type Mode,
} from './command-table.js';
import type { Connection } from './connection.js';
import type { History } from './history.js';
import { PipedInput, type PromptInput } from './piped-input.js';
import { refusalOf } from './reply-code.js';
import type { Reply, ReplyKind } from './reply-reader.js';
import { TerminalInput } from './terminal-input.js';
import { readTypedLine, type OwnName, type TypedLine } from './typed-line.js';
import { composeLine } from './words.js';

export interface PromptOptions {
  readonly connect: (timeoutMsMax?: number) => Promise<Connection>;
  /** The name of the server, for the prompt. */
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
  #isWatching = false;
  #hasLeft = false;

  constructor(options: PromptOptions) {
    this.#options = options;
    const { input, output, name, history } = options;
    this.#isTerminal = input.isTTY && output.isTTY;
    this.#input = this.#isTerminal
      ? new TerminalInput({
          name,
          history: history.lines,
          complete: (line) => this.#complete(line),
          input,
          output,
          onInterrupt: () => false,
        })
      : new PipedInput(input);
  }

  /** Connects and serves lines until the end of input, `quit` or Ctrl-C; resolves with the exit code. */
  async run(): Promise<ExitCode> {
    // It connects at once, so that a wrong port shows before the first command.
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
    if (this.#isWatching && !this.#isTerminal && !this.#hasLeft) await this.#connection?.ended();
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
      case 'own':
        return this.#runOwn(typed.name, typed.words);
      case 'watch':
        return this.#watch(typed.bytes);
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

  async #complete(line: string): Promise<[string[], string]> {
    const beginning = keyBeginning(line);
    if (beginning === undefined) return completeLine(line);
    const { completeKey } = await import('./key-completion.js');
    return [await completeKey(beginning, this.#options.connect), beginning];
  }

  /** Runs the one-shot command of that name, with its checks. */
  async #runOwn(name: OwnName, words: readonly string[]): Promise<void> {
    const [word = ''] = words;
    if (word === '' && (name === 'ttl' || name === 'delete_prefix'))
      return this.#refuse(`Usage: ${helpText(this.#options.mode, name).split('\n')[0]}`);
    if (name === 'stats' && !this.#isTerminal)
      return this.#exchange([composeLine([name, ...words])], 'reply');
    if (words[1] === 'noreply' && name === 'delete_prefix')
      return this.#exchange([composeLine([name, ...words])], 'none');
    try {
      await this.#askOwn(name, words);
    } catch (error: unknown) {
      if (this.#connection?.closed !== false || !(error instanceof ToolError)) throw error;
      this.#noteRefusal(error.exitCode);
      await this.#say(error.message);
    }
    return undefined;
  }

  async #askOwn(name: OwnName, words: readonly string[]): Promise<void> {
    const [word = ''] = words;
    const one = await import('./one-shot.js');
    const connection = await this.#connected();
    if (name === 'keys') await one.listKeys(connection, word);
    else if (name === 'ttl') await one.ttl(connection, words);
    else if (name === 'delete') await one.remove(connection, words);
    else if (name === 'stats') await one.stats(connection, words, false);
    else await one.removePrefix(connection, word);
  }

  /** Starts a watch that goes on beside the next commands. When a pipe ends, the prompt waits for the watch. */
  async #watch(line: Buffer): Promise<void> {
    await this.#exchange([line], 'reply');
    this.#isWatching = true;
  }

  async #exchange(pieces: readonly Buffer[], kind: ReplyKind): Promise<void> {
    const connection = await this.#connected();
    const reply = await connection.request(pieces, kind);
    if (this.#options.mode === 'tcp' && isMiss(pieces[0], reply)) {
      await this.#print(Buffer.from('Not-Exists\r\n'));
      return;
    }
    this.#noteRefusal(refusalOf(reply));
    for (const piece of reply.raw) await this.#print(piece);
    if (reply.last === 'ERROR') await this.#suggest(pieces[0]);
  }

  async #suggest(line: Buffer | undefined): Promise<void> {
    const name = line?.toString().split(/[ \r]/)[0] ?? '';
    const near = findCommand(name) === undefined ? meant(name) : undefined;
    if (near !== undefined) await this.#say(`Did you mean ${near}?`);
  }

  async #connected(): Promise<Connection> {
    if (this.#connection === undefined || this.#connection.closed) {
      this.#connection = await this.#options.connect();
      this.#connection.onUnasked = (bytes) => void this.#print(bytes);
    }
    return this.#connection;
  }

  async #leave(): Promise<void> {
    this.#hasLeft = true;
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

  /** A script of commands ends with the code of its first refused line. Undefined: this line was not refused. */
  #noteRefusal(code: ExitCode | undefined): void {
    if (code !== undefined && !this.#isTerminal && this.#exitCode === EXIT.ok)
      this.#exitCode = code;
  }

  /** Prints why nothing was sent. */
  #refuse(message: string): Promise<void> {
    this.#noteRefusal(EXIT.usage);
    return this.#say(message);
  }

  async #complain(error: unknown): Promise<void> {
    if (error instanceof ClosedPipe) {
      this.#input.close();
      await this.#connection?.close();
      throw error;
    }
    this.#exitCode = exitCodeOfFailure(error);
    await this.#say(error instanceof Error ? error.message : String(error));
    // The other lines of a pipe would fail in the same way, or would be out of step.
    if (!this.#isTerminal) this.#input.close();
  }
}

/** The usual dialect answers END for a miss; the plain dialect has a word for it. */
function isMiss(line: Buffer | undefined, reply: Reply): boolean {
  const isGet = /^gets? [^ ]+\r\n$/.test(line?.toString('latin1') ?? '');
  return isGet && reply.items.length === 0 && reply.last === 'END';
}
