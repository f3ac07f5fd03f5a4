// The options of kv-client that say how to reach a server: time-out, TLS, login. Options override environment
// variables, and a password comes only from a file.

import { Option, type Command } from 'commander';

import { EXIT } from '../../src/exit-codes.js';
import { ToolError } from '../terminal/program.js';
import { readFirstLine } from '../terminal/named-file.js';
import type { ConnectionOptions } from './connection.js';
import type { TlsFiles } from './tls-files.js';

interface GlobalOptions extends TlsFiles {
  readonly timeout: string;
  readonly tls?: boolean;
  readonly servername?: string;
  readonly insecure?: boolean;
  readonly user?: string;
  readonly passwordFile?: string;
}

const NAMES: ReadonlySet<string> = new Set(
  'timeout tls cacert cert key servername insecure user password-file'.split(' '),
);

/** Each of these options asks for TLS. */
const TLS_VALUES = ['cacert', 'cert', 'key', 'servername'] as const;

/** Declares the options. */
export function addConnectionOptions(program: Command): void {
  program
    .optionsGroup('Connection:')
    .addOption(
      new Option('--timeout <s>', 'longest wait for the server').default('10').env('CAIRN_TIMEOUT'),
    )
    .option('--tls', 'encrypt the connection')
    .addOption(new Option('--cacert <file>', 'trust this authority').env('CAIRN_CACERT'))
    .option('--cert <file>', 'send this certificate')
    .option('--key <file>', 'private key of that certificate')
    .option('--servername <name>', 'name that the certificate must have')
    .option('--insecure', 'do not check the certificate')
    .optionsGroup('Login:')
    .addOption(new Option('--user <name>', 'log in with the text protocol').env('CAIRN_USER'))
    .addOption(
      new Option('--password-file <file>', 'its first line is the password').env(
        'CAIRN_PASSWORD_FILE',
      ),
    );
}

/** Throws a ToolError with 64 and the text `why` when the command line has one of the options. */
export function refuseConnectionOptions(program: Command, why: string): void {
  const given = program.options.find(
    (option) =>
      NAMES.has(option.name()) && program.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (given !== undefined) throw new ToolError(EXIT.usage, `${given.long} ${why}`);
}

/**
 * Returns the values of the options. Throws a ToolError with 64 for a value that makes no sense, and the system's
 * error for a file.
 */
export async function readConnectionOptions(program: Command): Promise<ConnectionOptions> {
  const options = program.opts<GlobalOptions>();
  const seconds = Number(options.timeout);
  if (!/^\d+(?:\.\d+)?$/.test(options.timeout) || seconds > 86_400) {
    throw new ToolError(EXIT.usage, `--timeout is a number of seconds: ${options.timeout}`);
  }
  const wantsTls =
    options.tls === true ||
    options.insecure === true ||
    TLS_VALUES.some((name) => options[name] !== undefined);
  const login = options.user === undefined ? undefined : await readLogin(options);
  return {
    timeoutMs: seconds * 1000,
    ...(wantsTls ? { tls: await readTls(options) } : {}),
    ...(login === undefined ? {} : { login }),
  };
}

async function readTls(options: GlobalOptions): Promise<NonNullable<ConnectionOptions['tls']>> {
  const { servername } = options;
  const { readTlsFiles } = await import('./tls-files.js');
  return {
    insecure: options.insecure === true,
    ...(await readTlsFiles(options)),
    ...(servername === undefined ? {} : { servername }),
  };
}

async function readLogin(options: GlobalOptions): Promise<NonNullable<ConnectionOptions['login']>> {
  const { user = '', passwordFile } = options;
  if (passwordFile === undefined) throw new ToolError(EXIT.usage, '--user needs --password-file');
  if (!/^[^ \p{Cc}]+$/u.test(user)) throw new ToolError(EXIT.usage, 'A user has no spaces');
  return { user, password: await readFirstLine(passwordFile) };
}
