// The strings of a Redis with their expiries, for kv-load (docs/tools.md, "From a Redis"). SCAN names the keys;
// pipelines ask for the type of each, and then for its value. Keys of other types are counted by type.
//
// Invariants:
// - Memory holds the values of one window, bounded by the lengths of STRLEN.
// - A key that SCAN named is given, or counted as gone or left out. SCAN may name a key twice, and it is then loaded
//   twice.
// - No message holds a password.

import { isIP } from 'node:net';

import type { ChainableCommander, Redis, RedisOptions } from 'ioredis';

import { systemCode } from '../../src/errors.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { KEY_BYTES_LIMIT } from '../../src/limits.js';
import { printable } from '../../src/printable.js';
import type { SnapshotEntry } from '../../src/store/snapshot-file/entry-fields.js';
import { ToolError } from '../terminal/program.js';
import { countOf, formatCount } from '../terminal/quantity.js';
import type { EntrySource } from './entry-source.js';
import type { RedisPlace } from './redis-url.js';

const SCAN_KEYS = 1000;
const WINDOW_KEYS = 250;
const WINDOW_BYTES = 4 * 1024 * 1024;
const WRONG_TYPE = /^WRONGTYPE/;

/** The message of a failure, its exit code, and what to do. */
const FAILURES: readonly (readonly [RegExp, ExitCode, string])[] = [
  [
    /^(?:NOAUTH|WRONGPASS|ERR (?:AUTH|invalid password))/,
    EXIT.noPermission,
    'give the password by REDISCLI_AUTH or --redis-password-file',
  ],
  [/^NOPERM/, EXIT.noPermission, 'ACL SETUSER <user> +@read +select ~* lets it read all'],
  [/^Unknown RESP type/, EXIT.protocol, 'what answers there is no Redis'],
];

interface FoundString {
  readonly key: Buffer;
  readonly bytes: number;
}

export class RedisSource implements EntrySource {
  readonly unit = 'keys';
  readonly total: number;
  readonly #redis: Redis;
  readonly #name: string;
  readonly #leftOut = new Map<string, number>();
  #gone = 0;
  done = 0;

  private constructor(redis: Redis, name: string, total: number) {
    this.#redis = redis;
    this.#name = name;
    this.total = total;
  }

  /**
   * Throws a ToolError: 64 without the package ioredis, 69 without a Redis, 76 when something else answers, 77 when a
   * login is missing or refused.
   */
  static async open(place: RedisPlace, timeoutMs: number): Promise<RedisSource> {
    const Client = await loadClient();
    const redis = new Client({ ...optionsOf(place), ...timeouts(timeoutMs) });
    // connect() says only that the connection is closed.
    let cause: unknown;
    redis.on('error', (error: unknown) => {
      cause ??= error;
    });
    try {
      await redis.connect();
      // Given as an option, a database that does not exist would silently be the first one.
      await redis.select(place.db);
      return new RedisSource(redis, place.name, await redis.dbsize());
    } catch (error: unknown) {
      redis.disconnect();
      throw failure(place.name, cause ?? error);
    }
  }

  get place(): string {
    return this.#name;
  }

  async *entries(): AsyncGenerator<SnapshotEntry> {
    let cursor = '0';
    do {
      const [next, keys]: [Buffer, Buffer[]] = await this.#asked(
        this.#redis.scanBuffer(cursor, 'COUNT', SCAN_KEYS),
      );
      for (const window of windowsOf(await this.#strings(keys))) yield* this.#read(window);
      this.done += keys.length;
      cursor = next.toString();
    } while (cursor !== '0');
  }

  notes(): readonly string[] {
    const notes = ['what was written to the Redis meanwhile may be there or not'];
    if (this.#gone > 0) notes.push(`${countOf(this.#gone, 'key')} had gone when read`);
    const kinds = [...this.#leftOut].map(([what, count]) => `${formatCount(count)} ${what}`);
    if (kinds.length > 0) notes.push(`left out: ${kinds.join(', ')}`);
    return notes.map(printable);
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** Returns the keys that can be loaded, with their lengths, and counts the others. */
  async #strings(keys: readonly Buffer[]): Promise<FoundString[]> {
    const pipeline = this.#redis.pipeline();
    for (const key of keys) pipeline.type(key).strlen(key);
    const replies = await this.#answers(pipeline);
    return keys.flatMap((key, at) => {
      const type = String(replies[2 * at]);
      if (type === 'none') this.#gone += 1;
      else if (type !== 'string') this.#leave(type);
      else if (key.length === 0) this.#leave('with an empty key');
      else if (key.length > KEY_BYTES_LIMIT)
        this.#leave(`with a key over ${formatCount(KEY_BYTES_LIMIT)} bytes`);
      else return [{ key, bytes: Number(replies[2 * at + 1] ?? 0) }];
      return [];
    });
  }

  async *#read(window: readonly FoundString[]): AsyncGenerator<SnapshotEntry> {
    const pipeline = this.#redis.pipeline();
    for (const { key } of window) pipeline.pttl(key).getBuffer(key);
    const replies = await this.#answers(pipeline);
    const nowMs = Date.now();
    for (const [at, { key }] of window.entries()) {
      const ttlMs = Number(replies[2 * at]);
      const value = replies[2 * at + 1];
      // The key is gone, or has another type by now.
      if (!Buffer.isBuffer(value)) this.#gone += 1;
      else yield { key, value, flags: 0, expiresAt: ttlMs < 0 ? 0 : nowMs + ttlMs, cas: 0n };
    }
  }

  /** Returns the answers to the commands of a pipeline; undefined where the key is not a string. */
  async #answers(pipeline: ChainableCommander): Promise<unknown[]> {
    const replies = (await this.#asked(pipeline.exec())) ?? [];
    return replies.map(([error, reply]) => {
      if (error === null) return reply;
      if (WRONG_TYPE.test(error.message)) return undefined;
      throw failure(this.#name, error);
    });
  }

  async #asked<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error: unknown) {
      throw failure(this.#name, error);
    }
  }

  #leave(what: string): void {
    this.#leftOut.set(what, (this.#leftOut.get(what) ?? 0) + 1);
  }
}

async function loadClient(): Promise<new (options: RedisOptions) => Redis> {
  try {
    return (await import('ioredis')).Redis;
  } catch (error: unknown) {
    if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message =
      'Reading a Redis needs the package ioredis beside cairn-kv: npm install ioredis@6 (-g, if cairn-kv is global)';
    throw new ToolError(EXIT.usage, message, error);
  }
}

function optionsOf({ host, port, user, password, isTls }: RedisPlace): RedisOptions {
  return {
    host,
    port,
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(isTls ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
    // Every version of Redis speaks this protocol.
    protocol: 2,
    lazyConnect: true,
    // The check asks for INFO, which not every user may send, and prints that on stderr.
    enableReadyCheck: false,
    // kv-load reports a load that was cut off, and it is safe to repeat.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  };
}

/** A time-out of 0 waits for ever. */
function timeouts(timeoutMs: number): RedisOptions {
  return timeoutMs === 0 ? {} : { connectTimeout: timeoutMs, commandTimeout: timeoutMs };
}

function failure(name: string, error: unknown): ToolError {
  const why = error instanceof Error && error.message !== '' ? error.message : String(error);
  const [, code, next] = FAILURES.find(([pattern]) => pattern.test(why)) ?? [];
  const advice = next === undefined ? '' : `: ${next}`;
  const message = `No data from ${name}: ${why.replace(/\.$/, '')}${advice}`;
  return new ToolError(code ?? EXIT.unreachable, message, error);
}

function* windowsOf(strings: readonly FoundString[]): Generator<FoundString[]> {
  let window: FoundString[] = [];
  let bytes = 0;
  for (const found of strings) {
    window.push(found);
    bytes += found.bytes;
    if (window.length < WINDOW_KEYS && bytes < WINDOW_BYTES) continue;
    yield window;
    [window, bytes] = [[], 0];
  }
  if (window.length > 0) yield window;
}
