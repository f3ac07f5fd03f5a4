// The one-shot commands as commander declares them. Each action only notes in the session which work to do, and the
// work begins when the whole command line has been read.

import { Option, type Command } from 'commander';

import { writeAll } from '../terminal/output.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { VALUE_BYTES_LIMIT } from '../../src/limits.js';
import { jsonLine } from '../../src/printable.js';
import { ToolError } from '../terminal/program.js';
import type { Mode } from './command-table.js';
import type { Connection, ConnectionOptions } from './connection.js';
import type { Endpoint } from './endpoint.js';
import type { FollowOptions, HistoryOptions } from './follow.js';
import type { GetOptions, StoreOptions } from './one-shot.js';
import { checkKeys, checkNumber } from './words.js';

/** The session that the command line describes. */
export interface Session {
  endpoint: Endpoint;
  mode: Mode;
  /** `timeoutMsMax` is an upper bound of the option's value. */
  connect: (timeoutMsMax?: number) => Promise<Connection>;
  connectionOptions: () => Promise<ConnectionOptions>;
  run: () => Promise<ExitCode>;
}

/** Declares every command, in groups. */
export function addCommands(program: Command, session: Session): void {
  addReading(program, session);
  addWriting(program, session);
  addChanging(program, session);
  addFeed(program, session);
  addServer(program, session);
}

function addReading(program: Command, session: Session): void {
  program.commandsGroup('Reading:');
  program
    .command('get <key...>')
    .description('print the value of a key, or several as the server sends them')
    .option('-l, --long', 'with the VALUE line')
    .option('--json', 'one JSON object per line, with flags and CAS token')
    .option('--touch <exptime>', 'also set a new expiry')
    .action((keys: string[], options: GetOptions) => {
      checkKeys(keys);
      if (options.touch !== undefined) checkNumber('An expiry', options.touch);
      session.run = () =>
        withServer(session, (server, one) => one.get(server, session.mode, keys, options));
    });
  program
    .command('ttl <key...>')
    .description('print the seconds that a key has to live; -1: for ever')
    .action((keys: string[]) => {
      checkKeys(keys);
      session.run = () => withServer(session, (server, one) => one.ttl(server, keys));
    });
  program
    .command('keys [pattern]')
    .description(
      'print the keys, one per line: all, or keys with a prefix, or keys that match * ? []',
    )
    .action((pattern = '') => {
      session.run = () =>
        withServer(session, (server, one) => one.listKeys(server, pattern as string));
    });
}

function addWriting(program: Command, session: Session): void {
  program.commandsGroup('Writing:');
  const summaries = {
    set: 'store a value',
    add: 'store when the key is new',
    replace: 'store when the key exists',
    append: 'add bytes after the value',
    prepend: 'add bytes before the value',
    cas: 'store when the CAS token is still this one',
  };
  for (const [verb, summary] of Object.entries(summaries)) {
    program
      .command(`${verb} <key> <value>${verb === 'cas' ? ' <token>' : ''}`)
      .description(`${summary} (a value of - is read from stdin)`)
      .option('--flags <n>', "the client's 32 bits", '0')
      .option('--exptime <s>', 'seconds to live, or an absolute Unix time', '0')
      .action((key: string, value: string, ...more: unknown[]) => {
        checkKeys([key]);
        const token = verb === 'cas' ? String(more[0]) : undefined;
        if (token !== undefined) checkNumber('A CAS token', token);
        const options = more[verb === 'cas' ? 1 : 0] as StoreOptions;
        checkNumber('--flags', options.flags);
        checkNumber('An expiry', options.exptime);
        session.run = async () => {
          const bytes = value === '-' ? await readStdin() : Buffer.from(value);
          return withServer(session, (c, do_) =>
            do_.store(c, session.mode, verb, key, bytes, options, token),
          );
        };
      });
  }
  for (const verb of ['incr', 'decr']) {
    program
      .command(`${verb} <key> [number]`)
      .description(`${verb === 'incr' ? 'add to' : 'subtract from'} a number and print it`)
      .action((key: string, number = '1') => {
        checkKeys([key]);
        checkNumber('The number', number);
        session.run = () =>
          withServer(session, (server, one) => one.simple(server, [verb, key, number]));
      });
  }
}

function addChanging(program: Command, session: Session): void {
  program
    .command('touch <key> <exptime>')
    .description('set a new expiry')
    .action((key: string, exptime: string) => {
      checkKeys([key]);
      checkNumber('An expiry', exptime);
      session.run = () =>
        withServer(session, (server, one) => one.simple(server, ['touch', key, exptime]));
    });
  program
    .command('delete <key...>')
    .description('remove keys')
    .action((keys: string[]) => {
      checkKeys(keys);
      session.run = () => withServer(session, (server, one) => one.remove(server, keys));
    });
  program
    .command('delete_prefix <prefix>')
    .alias('delete-prefix')
    .description('remove all keys that begin with it (Cairn only)')
    .action((prefix: string) => {
      checkKeys([prefix]);
      session.run = () => withServer(session, (server, one) => one.removePrefix(server, prefix));
    });
  program
    .command('flush_all [delay]')
    .alias('flush-all')
    .description('remove everything stored before')
    .action((delay?: string) => {
      if (delay !== undefined) checkNumber('A delay', delay);
      const words = delay === undefined ? ['flush_all'] : ['flush_all', delay];
      session.run = () => withServer(session, (server, one) => one.simple(server, words));
    });
}

function addFeed(program: Command, session: Session): void {
  program.commandsGroup('Changes:');
  withPlace(program.command('follow'))
    .description('print the changes of a Cairn server with --http as they come, until Ctrl-C')
    .option('--after <seq>', 'begin after this change, or with the "oldest" that is kept')
    .option('--prefix <prefix>', 'only keys with this prefix')
    .option('--values', 'with the values')
    .option('--json', 'one JSON object per line')
    .action((options: FollowOptions) => {
      const { after } = options;
      if (after !== undefined && after !== 'oldest') checkNumber('A seq', after);
      session.run = async () => {
        const { follow } = await import('./follow.js');
        return follow(session, options);
      };
    });
  withPlace(program.command('history <key>'))
    .description('print the changes of a key that the server has kept, oldest first')
    .option('--whole', 'with whole values; without it their beginnings are shown')
    .option('--json', 'one JSON object per line, with whole values')
    .action((key: string, options: HistoryOptions) => {
      checkKeys([key]);
      session.run = async () => {
        const { history } = await import('./follow.js');
        return history(session, key, options);
      };
    });
}

function withPlace(command: Command): Command {
  return command
    .option(
      '--http <place>',
      "port, host:port or URL of the server's --http (default: kv-client asks it)",
    )
    .addOption(
      new Option(
        '--http-token-file <file>',
        'file with the token, for a server on another machine',
      ).env('CAIRN_HTTP_TOKEN_FILE'),
    );
}

function addServer(program: Command, session: Session): void {
  program.commandsGroup('Server:');
  program
    .command('stats [name...]')
    .description('print the counters: a table on a terminal, otherwise as the server sends them')
    .option('--json', 'one JSON object')
    .option('--every <time>', 'print them again after each such time: 1s, 500ms')
    .action((names: string[], options: { json?: boolean; every?: string }) => {
      checkKeys(names);
      const everyMs = options.every === undefined ? undefined : intervalMs(options.every);
      const json = options.json === true;
      session.run = () =>
        withServer(session, (server, one) =>
          everyMs === undefined
            ? one.stats(server, names, json)
            : one.statsEvery(server, names, json, everyMs),
        );
    });
  program
    .command('watch [what...]')
    .description('show what happens: fetchers, mutations, evictions, connevents; until Ctrl-C')
    .action((names: string[]) => {
      checkKeys(names);
      session.run = () => withServer(session, (server, one) => one.watch(server, names));
    });
  program
    .command('version')
    .description("print the server's version; also a health check")
    .action(() => {
      session.run = () => withServer(session, (server, one) => one.version(server));
    });
  program
    .command('verbosity <level>')
    .description('set how much the server logs')
    .action((level: string) => {
      checkNumber('A level', level);
      session.run = () =>
        withServer(session, (server, one) => one.simple(server, ['verbosity', level]));
    });
  program
    .command('raw <word...>')
    .description('send a command line as it is and print the reply')
    .option('--value <value>', 'a value to send after it (- for stdin)')
    .action((words: string[], options: { value?: string }) => {
      session.run = async () => {
        const { value } = options;
        const bytes =
          value === '-' ? await readStdin() : value === undefined ? undefined : Buffer.from(value);
        return withServer(session, (server, one) => one.raw(server, words, bytes));
      };
    });
  program
    .command('passwd <user>')
    .description('print a line for an auth file; the password is asked for or read from stdin')
    .action((user: string) => {
      session.run = () => passwordLine(user);
    });
}

async function withServer(
  session: Session,
  run: (server: Connection, one: typeof import('./one-shot.js')) => Promise<ExitCode>,
): Promise<ExitCode> {
  const commands = await import('./one-shot.js');
  const connection = await session.connect();
  try {
    return await run(connection, commands);
  } finally {
    await connection.close();
  }
}

/** Throws a ToolError with 64 when the input is longer than any server takes (/dev/zero has no end). */
async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > VALUE_BYTES_LIMIT)
      throw new ToolError(EXIT.usage, 'A value has at most 1 GiB: nothing was sent');
  }
  return Buffer.concat(chunks, bytes);
}

function intervalMs(text: string): number {
  const [, figure = '', unit = 's'] = /^(\d{1,6}(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(figure) * { ms: 1, s: 1000, m: 60_000 }[unit as 'ms' | 's' | 'm'];
  if (figure !== '' && ms >= 1) return ms;
  throw new ToolError(EXIT.usage, `--every is a time such as 1s or 500ms: ${jsonLine(text)}`);
}

async function passwordLine(user: string): Promise<ExitCode> {
  if (!/^[^\s:\p{Cc}]{1,64}$/u.test(user)) {
    throw new ToolError(EXIT.usage, `A user has no spaces and no colon: ${JSON.stringify(user)}`);
  }
  const { readPassword } = await import('./password-prompt.js');
  const { composePasswordDigest } = await import('../../src/password-digest.js');
  const password = await readPassword(process.stdin);
  await writeAll(process.stdout, `${user}:${composePasswordDigest(password)}\n`);
  return EXIT.ok;
}
