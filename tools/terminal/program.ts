// The frame of every tool: sets up commander in the same way everywhere, and maps every end to its exit code
// (docs/errors.md, "Exit codes"). stdout is for data; a failure is one line on stderr.

import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { failureText } from '../../src/errors.js';
import { EXIT, exitCodeOf, type ExitCode } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';
import { coloursFor } from './colour.js';
import { ClosedPipe, endOnFailingOutput } from './output.js';

const ALIVE_MS = 1_000_000;

/** Ends the tool with a code and one line for the user, instead of a stack trace. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

/** Creates a commander program with Cairn's conventions: -V prints the version alone, wrong use exits with 64. */
export function createProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, `${name}: `)),
    })
    .showHelpAfterError(`(${name} --help lists the options)`);
}

/** Adds `Examples:` below the help; each line has a command and its meaning. */
export function addExamples(
  program: Command,
  examples: readonly (readonly [string, string])[],
): void {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`);
  program.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** Runs the main function of a tool, and ends the process with its exit code or with the code of its failure. */
export async function runTool(name: string, main: () => Promise<ExitCode>): Promise<void> {
  endOnFailingOutput(name);
  // The engine's timers and threads do not keep a process alive, but a tool that waits for them must stay.
  const alive = setInterval(() => {}, ALIVE_MS);
  try {
    refuseUnreadableArguments();
    if (name !== 'kv-client') refuseEmptyArguments();
    process.exitCode = await main();
  } catch (error: unknown) {
    process.exitCode = report(name, error);
  } finally {
    clearInterval(alive);
  }
}

/** Node reads bytes that are not UTF-8 as U+FFFD: a word that was changed in this way is another key, value or path. */
function refuseUnreadableArguments(): void {
  if (!process.argv.some((word) => word.includes('\ufffd'))) return;
  const commandLine = '/proc/self/cmdline';
  if (existsSync(commandLine) && isUtf8(readFileSync(commandLine))) return;
  throw new ToolError(EXIT.usage, 'An argument is not valid UTF-8; give such a value on stdin');
}

/**
 * An empty word is mostly a variable of the shell that is not set. As a path it would name the current directory.
 * kv-client takes empty values, and every key begins with an empty --prefix.
 */
function refuseEmptyArguments(): void {
  const { argv } = process;
  const isEmpty = (word: string, at: number): boolean =>
    (word === '' && argv[at - 1] !== '--prefix') || /^--(?!prefix=)[a-z-]+=$/.test(word);
  if (argv.some(isEmpty))
    throw new ToolError(EXIT.usage, 'An argument is empty: is a variable of the shell not set?');
}

function report(name: string, error: unknown): ExitCode {
  if (error instanceof ClosedPipe) return EXIT.ok;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const code = exitCodeOfFailure(error);
  const red = coloursFor(process.stderr).red;
  const text = failureText(error);
  process.stderr.write(`${name}: ${red(printableLines(text))}\n`);
  if (code === EXIT.bug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  return code;
}

/** Any failure that is not a known failure of the world is a bug, and the message says so. */
export function exitCodeOfFailure(error: unknown): ExitCode {
  if (error instanceof ToolError) return error.exitCode;
  return exitCodeOf(error);
}

/** Reads package.json, three levels above dist/tools/terminal. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
