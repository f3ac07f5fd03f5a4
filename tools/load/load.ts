// One run of kv-load, from the words of the command line to the number of loaded keys.
//
// Invariant: everything that can be checked beforehand is checked first. A target that will not take the dump is
// refused before the dump is read, and a file is read to its end before anything is stored. A pipe can be read only
// once, so it is not checked first.

import { stat } from 'node:fs/promises';

import type { Command } from 'commander';

import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { KvError, isKvError } from '../../src/errors.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';
import { readConnectionOptions } from '../client/connection-options.js';
import { isServerUrl } from '../client/endpoint.js';
import { ToolError, exitCodeOfFailure } from '../terminal/program.js';
import { startProgress } from '../terminal/progress.js';
import { countOf, formatCount, formatDuration } from '../terminal/quantity.js';
import { toolLogger } from '../terminal/logger.js';
import type { EntrySource } from './entry-source.js';
import { FileSource } from './file-source.js';
import { findPlace, requireUnlocked, type LoadPlace } from './load-place.js';
import type { LoadTarget } from './load-target.js';
import { isRedisUrl, redisPlace } from './redis-url.js';
import type { Column } from '../table/columns.js';

interface Options {
  readonly create?: boolean;
  readonly partial?: boolean;
  readonly columns?: readonly Column[];
  readonly redisPasswordFile?: string;
  readonly acceptClock?: boolean;
}

export class Load {
  readonly #program: Command;
  readonly #word: string;
  readonly #path: string;
  readonly #options: Options;
  readonly #env: Env;
  #expired = 0;

  constructor(program: Command, word: string, path: string) {
    this.#program = program;
    this.#word = word;
    this.#path = path;
    this.#options = program.opts<Options>();
    this.#env = nodeEnv(toolLogger('kv-load'));
  }

  async run(): Promise<ExitCode> {
    const startedMs = performance.now();
    const place = await findPlace(this.#env, this.#word, this.#options.create === true);
    const checkedBytes = await this.#checkedBytes();
    const bytes = checkedBytes ?? 0;
    // The check of a file may take minutes, so it is known before that whether the target will take it.
    await this.#requireReady(place);
    if (checkedBytes !== undefined) await this.#check(checkedBytes);
    const source = await this.#source(bytes);
    const target = await this.#open(place).catch((error: unknown) => {
      source.close();
      throw error;
    });
    let notes: readonly string[] = [];
    try {
      notes = await this.#load(target, source);
    } catch (error: unknown) {
      throw told(error, target.stored);
    } finally {
      await target.close();
    }
    const left = this.#expired === 0 ? '' : `, ${formatCount(this.#expired)} had expired`;
    const took = formatDuration(performance.now() - startedMs);
    const loaded = `${countOf(target.stored, 'key')} loaded into ${this.#word}`;
    process.stderr.write(`${printableLines(loaded)} in ${took}${left}\n`);
    if (target.loss !== undefined) notes = [...notes, target.loss];
    for (const note of notes) process.stderr.write(`Note: ${note}\n`);
    return EXIT.ok;
  }

  async #requireReady(place: LoadPlace): Promise<void> {
    if (place.kind === 'server') await (await this.#open(place)).close();
    else if (!place.isNew) await withAdvice(place.dir, () => requireUnlocked(this.#env, place.dir));
  }

  /** Returns the size of a source that can be read twice; undefined for stdin, a pipe and a Redis. */
  async #checkedBytes(): Promise<number | undefined> {
    if (this.#path === '-' || isRedisUrl(this.#path)) return undefined;
    if (isServerUrl(this.#path)) {
      const next = 'kv-dump memcached://… | kv-load <target> -';
      throw new ToolError(EXIT.usage, `A server is dumped by kv-dump: ${next}`);
    }
    const stats = await stat(this.#path);
    if (stats.isDirectory()) {
      const next = 'kv-dump <dir> | kv-load <target> -';
      throw new ToolError(EXIT.usage, `${this.#path} is a directory, and no dump: ${next}`);
    }
    return stats.isFIFO() || stats.isCharacterDevice() ? undefined : stats.size;
  }

  /** Reads the dump to its end, so that a damaged dump changes nothing. */
  async #check(bytes: number): Promise<void> {
    const progress = await startProgress('checking', 'bytes', bytes);
    const source = await this.#source(bytes);
    let entries = 0;
    try {
      for await (const _entry of source.entries()) {
        entries += 1;
        if (entries % 1000 === 0) progress.at(source.done);
      }
    } finally {
      progress.stop();
      source.close();
    }
  }

  /** Resolves with the notes of the source. */
  async #load(target: LoadTarget, source: EntrySource): Promise<readonly string[]> {
    const progress = await startProgress('loading', source.unit, source.total, source.total > 0);
    let entries = 0;
    try {
      for await (const entry of source.entries()) {
        entries += 1;
        if (entry.expiresAt !== 0 && entry.expiresAt <= target.nowMs()) this.#expired += 1;
        else await target.put(entry, source.place);
        if (entries % 100 === 0) progress.at(source.done);
      }
    } finally {
      progress.stop();
      source.close();
      // The entries before a damaged line are whole.
      await target.finish();
    }
    return source.notes();
  }

  async #source(bytes: number): Promise<EntrySource> {
    const { partial = false, columns, redisPasswordFile } = this.#options;
    if (isRedisUrl(this.#path)) {
      const { RedisSource } = await import('./redis-source.js');
      const place = await redisPlace(this.#path, process.env, redisPasswordFile);
      const { timeoutMs } = await readConnectionOptions(this.#program);
      return RedisSource.open(place, timeoutMs);
    }
    return new FileSource(this.#path, { bytes, partial, columns });
  }

  async #open(place: LoadPlace): Promise<LoadTarget> {
    if (place.kind === 'store') {
      const { StoreTarget } = await import('./store-target.js');
      const acceptClock = this.#options.acceptClock === true;
      return withAdvice(place.dir, () => StoreTarget.open(this.#env, place.dir, acceptClock));
    }
    const { Connection } = await import('../client/connection.js');
    const { ServerTarget } = await import('./server-target.js');
    const options = await readConnectionOptions(this.#program);
    return ServerTarget.open(await Connection.open(place.endpoint, options));
  }
}

async function withAdvice<T>(dir: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error: unknown) {
    if (!isKvError(error, 'KV_LOCKED')) throw error;
    const message = 'A server has this directory open: load through its port';
    throw new KvError('KV_LOCKED', message, { path: dir, cause: error });
  }
}

/** Returns the failure, with the number of keys that were loaded before it. */
function told(error: unknown, stored: number): ToolError {
  const code = exitCodeOfFailure(error);
  const why = error instanceof Error ? error.message : String(error);
  const done = `${countOf(stored, 'key')} ${stored === 1 ? 'was' : 'were'} loaded before that`;
  return new ToolError(code, `${why}\n${done}; loading the same dump again is safe`, error);
}
