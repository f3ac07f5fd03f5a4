// kv-client follow and history: print the changes of a server's feed as they come, or the kept changes of one key,
// oldest first.
//
// Invariant: follow prints every change once and in order, however often the connection breaks: it goes on after the
// last seq that it has read.

import { setTimeout } from 'node:timers/promises';

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { readNamedFile } from '../terminal/named-file.js';
import { writeAll } from '../terminal/output.js';
import { ToolError } from '../terminal/program.js';
import { changeText } from './change-text.js';
import type { Connection, ConnectionOptions } from './connection.js';
import {
  askedUrl,
  FeedFailure,
  feedLines,
  givenUrl,
  requireLogin,
  type FeedLine,
  type FeedPlace,
} from './feed.js';
import type { Endpoint } from './endpoint.js';
import { composeLine } from './words.js';

const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 5000;

export interface PlaceOptions {
  /** The address of the server's HTTP; when undefined, the client asks the server. */
  readonly http?: string;
  readonly httpTokenFile?: string;
}

export interface FollowOptions extends PlaceOptions {
  readonly after?: string;
  readonly prefix?: string;
  readonly values?: boolean;
  readonly json?: boolean;
}

export interface HistoryOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly whole?: boolean;
}

/** The ways to reach the server. */
export interface FeedClient {
  readonly endpoint: Endpoint;
  readonly connect: () => Promise<Connection>;
  readonly connectionOptions: () => Promise<ConnectionOptions>;
}

/** Prints changes until the user ends it, or until changes are missing (66). */
export async function follow(client: FeedClient, options: FollowOptions): Promise<ExitCode> {
  const place = await placeOf(client, options);
  const { prefix, values = false, json = false } = options;
  let after = options.after;
  let pauseMs = PAUSE_MS_MIN;
  let wasReached = false;
  let isLost = false;
  for (;;) {
    try {
      const lines = feedLines(place, {
        ...(after === undefined ? {} : { after }),
        ...(prefix === undefined ? {} : { prefix }),
        ...(values ? { values: '1' } : {}),
      });
      for await (const { line, text } of lines) {
        if (line.type === 'error') throw failureOf(line);
        if (isLost) await say(`connected again, going on after seq ${after}`);
        isLost = false;
        wasReached = true;
        pauseMs = PAUSE_MS_MIN;
        if (line.type !== 'heartbeat') {
          const shown = json ? text : changeText(line, true, values ? 'cut' : 'none');
          await writeAll(process.stdout, `${shown}\n`);
        }
        after = String(line.seq);
      }
      if (!isLost) await say('the server ended the feed; trying again until it is back');
    } catch (error) {
      if (!(error instanceof FeedFailure) || !wasReached) throw error;
      if (!isLost) await say(`${error.message}; trying again until it is back`);
    }
    isLost = true;
    await setTimeout(pauseMs);
    pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2);
  }
}

/** Prints the kept changes of a key, oldest first; returns 1 when there are none. */
export async function history(
  client: FeedClient,
  key: string,
  options: HistoryOptions,
): Promise<ExitCode> {
  const place = await placeOf(client, options);
  const { json = false, whole = false } = options;
  const print = (line: FeedLine, text: string): Promise<void> => {
    const shown = json ? text : changeText(line, false, whole ? 'whole' : 'cut');
    return writeAll(process.stdout, `${shown}\n`);
  };
  const current = await currentSeq(client, key);
  let count = 0;
  let hasBegun = false;
  const query = { after: 'oldest', key, wait: '0', values: '1' };
  for await (const { line, text } of feedLines(place, query)) {
    if (line.type === 'error') throw failureOf(line);
    if (line.type === 'end') return count > 0 ? EXIT.ok : EXIT.notFound;
    if (line.type === 'heartbeat') {
      // The first heartbeat says where the feed begins, later ones how far the search has come.
      if (hasBegun) continue;
      hasBegun = true;
      const { seq } = line;
      if (seq > 0) await say(`changes up to seq ${seq} are not kept (--keep-history)`);
      // The item was stored before the oldest change that is kept, and is still there.
      if (current !== undefined && current <= seq) {
        await say(`the value of seq ${current} is older than that: kv-client get shows it`);
        count += 1;
      }
    } else {
      await print(line, text);
      if (line.key !== undefined) count += 1;
    }
  }
  throw new ToolError(EXIT.unreachable, 'The answer was cut off: more may be kept');
}

/**
 * Returns the CAS token of the key's item, which is its seq unless a client chose one; undefined when the key does
 * not exist.
 */
async function currentSeq(client: FeedClient, key: string): Promise<number | undefined> {
  const connection = await client.connect();
  try {
    const { last } = await connection.request([composeLine(['mg', key, 'c'])], 'reply');
    requireLogin(last);
    const seq = /^HD c(\d+)/.exec(last)?.[1];
    return seq === undefined ? undefined : Number(seq);
  } finally {
    await connection.close();
  }
}

async function placeOf(client: FeedClient, options: PlaceOptions): Promise<FeedPlace> {
  const { tls } = await client.connectionOptions();
  const { http, httpTokenFile } = options;
  const token =
    httpTokenFile === undefined
      ? undefined
      : (await readNamedFile(httpTokenFile)).toString('latin1');
  if (http !== undefined) return { url: givenUrl(http), token: token?.trim(), tls };
  const connection = await client.connect();
  try {
    return { url: await askedUrl(connection, client.endpoint), token: token?.trim(), tls };
  } finally {
    await connection.close();
  }
}

function failureOf({ error, message = 'The feed failed' }: FeedLine): ToolError {
  if (error === 'KV_TOO_OLD') return new ToolError(EXIT.noInput, message);
  if (error === 'KV_CORRUPTION') return new ToolError(EXIT.damage, message);
  return new FeedFailure(EXIT.io, message);
}

function say(text: string): Promise<void> {
  return writeAll(process.stderr, `kv-client: ${text}\n`);
}
