// kv-client: talks to a Cairn or memcached server, at a prompt or with one command (docs/tools.md). Modules that
// --help does not need are loaded when they are used, because start-up time counts.

import type { Command } from 'commander';

import type { ExitCode } from '../../src/exit-codes.js';
import { splitArguments } from './arguments.js';
import { addCommands, type Session } from './commands.js';
import { addConnectionOptions, readConnectionOptions } from './connection-options.js';
import { describeEndpoint, endpointFromEnvironment } from './endpoint.js';
import { addExamples, createProgram, runTool } from '../terminal/program.js';

await runTool('kv-client', main);

async function main(): Promise<ExitCode> {
  const { env, argv } = process;
  const program = createProgram('kv-client', 'Talk to a Cairn or memcached server.').usage(
    '[port|host[:port]|socket] [tcp|memcached] [options] [command]',
  );
  addConnectionOptions(program);
  const session: Session = {
    endpoint: endpointFromEnvironment({}),
    mode: 'memcached',
    connectionOptions: () => readConnectionOptions(program),
    connect: async (timeoutMsMax = Infinity) => {
      const { Connection } = await import('./connection.js');
      const options = await session.connectionOptions();
      const timeoutMs = Math.min(
        options.timeoutMs === 0 ? Infinity : options.timeoutMs,
        timeoutMsMax,
      );
      return Connection.open(session.endpoint, {
        ...options,
        timeoutMs: timeoutMs === Infinity ? 0 : timeoutMs,
      });
    },
    run: () => prompt(session),
  };
  addCommands(program, session);
  addHelp(program);
  const split = splitArguments(argv.slice(2), program, env);
  session.endpoint = split.endpoint ?? endpointFromEnvironment(env);
  session.mode = split.mode ?? 'memcached';
  // The action is set only here: with an action of its own, commander would take a mistyped command for an argument.
  if (!split.hasCommand) program.action(() => {});
  await program.parseAsync([...split.rest], { from: 'user' });
  return session.run();
}

function addHelp(program: Command): void {
  addExamples(program, [
    ['kv-client', 'a prompt on 127.0.0.1:11211'],
    ['kv-client 11212 tcp', 'a prompt in the plain dialect on port 11212'],
    ['kv-client set greeting "hello world"', 'store'],
    ['kv-client get greeting', 'the value alone; exit 1 when missing'],
    ['kv-client set photo - --exptime 3600 < photo.jpg', 'the value from stdin'],
    ['kv-client db1:11211 stats', 'a table of counters'],
    ['kv-client follow --after 0 --json', 'every change, and those to come'],
    ['kv-client history greeting', 'what is kept of a key'],
    ['kv-client raw "mg greeting v t f"', 'any command line'],
    ['kv-client passwd alice >> auth.txt', 'a line for an auth file'],
  ]);
  program.addHelpText(
    'after',
    '\nDialects: memcached (default) sends memcached\'s own forms; tcp the plain ones, "set <key> <bytes>".\n' +
      'CAIRN_HOST and CAIRN_PORT name the server, CAIRN_HISTORY the history file of the prompt.\n' +
      'Commands from a pipe all run; the exit code is that of the first one that was refused.\n' +
      'Exit codes: 0 ok, 1 not found or not stored, 64 wrong use, or the server said ERROR or CLIENT_ERROR,\n' +
      '65 the log is damaged, 66 no such file, or the changes are not kept, 69 no server, 74 I/O, or the server\n' +
      'said SERVER_ERROR, 76 no memcached server, 77 no permission.',
  );
}

async function prompt(session: Session): Promise<ExitCode> {
  const { History, historyPath } = await import('./history.js');
  const { Prompt } = await import('./prompt.js');
  const { stdin, stdout, env } = process;
  return new Prompt({
    connect: session.connect,
    name: describeEndpoint(session.endpoint),
    mode: session.mode,
    history: await History.load(stdin.isTTY ? historyPath(env) : undefined),
    input: stdin,
    output: stdout,
  }).run();
}
