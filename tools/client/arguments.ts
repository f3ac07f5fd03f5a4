// The command line of kv-client: `[port|host:port] [tcp|memcached] [command…]` with options anywhere
// before the command. commander wants the command first, so server and dialect are taken out here.

import type { Command } from 'commander';

import type { Mode } from './command-table.js';
import { parseEndpoint, type Endpoint } from './endpoint.js';

interface SplitArguments {
  readonly endpoint: Endpoint | undefined;
  readonly mode: Mode | undefined;
  /** What is left for commander: options and command. */
  readonly rest: readonly string[];
  /** Whether a command is among them. */
  readonly hasCommand: boolean;
}

/** `args` without node and script; `program` knows which options have a value. */
export function splitArguments(
  args: readonly string[],
  program: Command,
  defaultHost: string | undefined,
): SplitArguments {
  const rest = [...args];
  const endpointAt = nextOperand(rest, 0, program);
  const endpoint = parseEndpoint(rest[endpointAt] ?? '', defaultHost);
  if (endpoint !== undefined) rest.splice(endpointAt, 1);
  const modeAt = nextOperand(rest, endpoint === undefined ? 0 : endpointAt, program);
  const word = rest[modeAt];
  const mode = word === 'tcp' || word === 'memcached' ? word : undefined;
  if (mode !== undefined) rest.splice(modeAt, 1);
  const commandAt = nextOperand(rest, mode === undefined ? modeAt : modeAt, program);
  return { endpoint, mode, rest, hasCommand: commandAt < rest.length };
}

/** Index of the first word from `start` that is neither an option nor an option's value. */
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
