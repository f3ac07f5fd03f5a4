// The address of a Redis as its own tools write it: `redis://[user[:password]@]host[:port][/db]`, or `rediss://` with
// TLS. The password is safer in REDISCLI_AUTH, as for redis-cli, or in a file: every user of the machine can read the
// command line.

import { EXIT } from '../../src/exit-codes.js';
import { readFirstLine } from '../terminal/named-file.js';
import { ToolError } from '../terminal/program.js';

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
  /** The name for messages: without user and password. */
  readonly name: string;
}

const DEFAULT_PORT = 6379;
const FORM = 'redis://[user@]host[:port][/db]';

export function isRedisUrl(word: string): boolean {
  return /^rediss?:\/\//i.test(word);
}

/** Throws a ToolError with 64 that does not repeat the word, which may hold a password. */
export async function redisPlace(
  word: string,
  env: NodeJS.ProcessEnv,
  passwordFile: string | undefined,
): Promise<RedisPlace> {
  const url = URL.canParse(word) ? new URL(word) : undefined;
  const db = /^\/?(\d{0,9})$/.exec(url?.pathname ?? '')?.[1];
  if (url === undefined || url.hostname === '' || db === undefined || url.search !== '')
    throw new ToolError(EXIT.usage, `A Redis is named ${FORM}, with TLS rediss://…`);
  const given =
    passwordFile === undefined
      ? decoded(url.password) || env['REDISCLI_AUTH']
      : await readFirstLine(passwordFile);
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const user = decoded(url.username);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    db: Number(db),
    user: user === '' ? undefined : user,
    password: given === '' ? undefined : given,
    isTls: url.protocol === 'rediss:',
    name: `${url.protocol}//${url.hostname}:${port}/${Number(db)}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ToolError(EXIT.usage, 'User or password of the URL have a % that encodes nothing');
  }
}
