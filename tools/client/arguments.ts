// The command line of kv-client: `[port|host[:port]|socket] [tcp|memcached] [command…]` with options anywhere before
// the command. commander wants the command first, so this module takes out server and dialect. The form of a word, or
// the command after it, shows whether it is a host without a port or a mistyped command.

import type { Command } from 'commander';

import { EXIT } from '../../src/exit-codes.js';
import { jsonLine } from '../../src/printable.js';
import { ToolError } from '../terminal/program.js';
import type { Mode } from './command-table.js';
import { endpointOfHost, isHost, parseEndpoint, type Endpoint } from './endpoint.js';

interface SplitArguments {
  readonly endpoint: Endpoint | undefined;
  readonly mode: Mode | undefined;
  /** The words for commander: options and command. */
  readonly rest: readonly string[];
  /** True when `rest` has a command. */
  readonly hasCommand: boolean;
}

/** `args` has no node and no script. `program` knows the commands, and which options take a value. */
export function splitArguments(
  args: readonly string[],
  program: Command,
  env: NodeJS.ProcessEnv,
): SplitArguments {
  const rest = [...args];
  const endpointAt = nextOperand(rest, 0, program);
  const first = rest[endpointAt] ?? '';
  const second = rest[nextOperand(rest, endpointAt + 1, program)] ?? '';
  const endpoint =
    parseEndpoint(first, env['CAIRN_HOST']) ??
    (isBareHost(first, second, program) ? endpointOfHost(first, env) : undefined);
  // No command has a colon in its name.
  if (endpoint === undefined && first.includes(':'))
    throw new ToolError(EXIT.usage, `This names no server, which is host:port: ${jsonLine(first)}`);
  if (endpoint !== undefined) rest.splice(endpointAt, 1);
  const modeAt = nextOperand(rest, endpoint === undefined ? 0 : endpointAt, program);
  const word = rest[modeAt];
  const mode = word !== undefined && isMode(word) ? word : undefined;
  if (mode !== undefined) rest.splice(modeAt, 1);
  lowerCommand(rest, nextOperand(rest, modeAt, program), program);
  const commandAt = nextOperand(rest, mode === undefined ? modeAt : modeAt, program);
  return { endpoint, mode, rest, hasCommand: commandAt < rest.length };
}

function isBareHost(word: string, next: string, program: Command): boolean {
  const isCommand = (name: string): boolean =>
    program.commands.some((known) => known.name() === name || known.aliases().includes(name));
  if (isCommand(word) || isMode(word)) return false;
  return isHost(word) || (/^[a-z0-9-]+$/i.test(word) && (isCommand(next) || isMode(next)));
}

/** Writes the command in lower case: any case is accepted. */
function lowerCommand(args: string[], at: number, program: Command): void {
  const lower = args[at]?.toLowerCase();
  if (lower !== undefined && program.commands.some((known) => known.name() === lower))
    args[at] = lower;
}

function isMode(word: string): word is Mode {
  return word === 'tcp' || word === 'memcached';
}

/** Returns the index of the first word from `start` that is neither an option nor the value of one. */
function nextOperand(args: readonly string[], start: number, program: Command): number {
  let at = start;
  while (at < args.length) {
    const word = args[at]!;
    if (word === '--') return args.length;
    if (!word.startsWith('-') || word === '-') return at;
    const option = program.options.find((known) => known.short === word || known.long === word);
    at += option?.required === true ? 2 : 1;
  }
  return args.length;
}
