// GET /changes: the change feed over HTTP (docs/feed.md).
//
// Invariants:
// - Back pressure: nothing is read from the log while a piece waits for the client to take it. A client that takes
//   none is dropped (stream.ts). It goes on later after the last seq that it has read whole.
// - Where changes are missing, the answer is 410 or a line that says so, and never a feed with a hole.

import type { Clock, Timer } from '../env/env.js';
import { isKvError } from '../errors.js';
import { jsonLine } from '../printable.js';
import type { ChangeFeed, FollowOptions } from '../store/change-log.js';
import type { LargeValue, Store } from '../store/store.js';
import { changeLine, largeValuePieces, noteLine, type LineForm } from './change-lines.js';
import type { Exchange } from './exchange.js';
import type { Stream } from './stream.js';

/** However quiet the feed is, something is sent this often, so that both sides notice when the other has gone. */
const HEARTBEAT_MS = 15_000;
const PIECE_CHARACTERS = 64 * 1024;
const JSON_TYPE = 'application/json; charset=utf-8';
const TYPES: Readonly<Record<LineForm, string>> = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  events: 'text/event-stream; charset=utf-8',
};
const PARAMETERS = ['after', 'prefix', 'key', 'keyEncoding', 'values', 'wait'];

/** The parameters of a request, checked. */
interface Wanted extends FollowOptions {
  readonly form: LineForm;
  readonly values: boolean;
  /** The feed waits for new changes at the end of the log. */
  readonly waits: boolean;
}

/** Answers with changes until the client leaves or the feed ends. */
export async function sayChanges(
  exchange: Exchange,
  { changeLog, durability }: Pick<Store, 'changeLog' | 'durability'>,
  clock: Clock,
): Promise<void> {
  const wanted = wantedOf(exchange);
  if (typeof wanted === 'string') return refuse(exchange, 400, 'KV_BAD_OPTION', wanted);
  if (changeLog === undefined) {
    return refuse(exchange, 501, 'KV_BAD_OPTION', 'The store keeps no log that could be followed');
  }
  let feed: ChangeFeed;
  try {
    feed = await changeLog.follow(wanted);
  } catch (error) {
    return refuseFor(exchange, error);
  }
  try {
    if (exchange.request.method === 'HEAD') return exchange.say(200, '', TYPES[wanted.form]);
    const stream = exchange.stream(TYPES[wanted.form]);
    const end = wanted.waits ? Infinity : durability.watermark;
    if (stream !== undefined) await new Pouring(feed, stream, { ...wanted, end }, clock).run();
  } finally {
    await feed.close();
  }
}

/** Returns the parameters, or a sentence that says what is wrong with them. */
function wantedOf({ query, request }: Exchange): Wanted | string {
  const unknown = [...query.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) {
    return `There is no parameter ${jsonLine(unknown)}: there are ${PARAMETERS.join(', ')}`;
  }
  // A client of events that reconnects sends this header: it is newer than the parameter in its address.
  const { 'last-event-id': lastId, accept = '' } = request.headers;
  const after = seqOf(typeof lastId === 'string' ? lastId : query.get('after'));
  if (after === 'wrong') return 'after is a seq, or oldest';
  const encoding = query.get('keyEncoding') ?? 'utf8';
  if (encoding !== 'utf8' && encoding !== 'base64') return 'keyEncoding is utf8 or base64';
  const [prefix, key] = [query.get('prefix'), query.get('key')];
  const texts = [prefix, key].filter((text) => text !== null);
  if (encoding === 'base64' && !texts.every(isBase64)) {
    return 'key and prefix are base64, as keyEncoding says; a + in it is written %2B';
  }
  const bytesOf = (text: string | null): Buffer | undefined =>
    text === null ? undefined : Buffer.from(text, encoding);
  const [values, waits] = [isOn(query.get('values'), false), isOn(query.get('wait'), true)];
  if (values === undefined || waits === undefined) return 'values and wait are 0 or 1';
  return {
    after,
    prefix: bytesOf(prefix),
    key: bytesOf(key),
    values,
    waits,
    form: accept.includes('text/event-stream') ? 'events' : 'ndjson',
  };
}

function seqOf(text: string | null): number | 'oldest' | undefined | 'wrong' {
  if (text === null) return undefined;
  if (text === 'oldest') return text;
  return /^\d{1,15}$/.test(text) ? Number(text) : 'wrong';
}

/** Buffer.from skips characters that are not base64, and would so make another key of the text. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}

/** Returns undefined for a word other than 0 and 1. */
function isOn(text: string | null, whenMissing: boolean): boolean | undefined {
  if (text === null) return whenMissing;
  return text === '0' || text === '1' ? text === '1' : undefined;
}

/** A request with its end: the feed ends after this seq; with Infinity it goes on until the client leaves. */
interface Bounded extends Wanted {
  readonly end: number;
}

/** Sends the changes of a feed to the client. */
class Pouring {
  readonly #feed: ChangeFeed;
  readonly #stream: Stream;
  readonly #wanted: Bounded;
  readonly #clock: Clock;
  #gathered: string[] = [];
  #characters = 0;
  #isInLine = false;

  constructor(feed: ChangeFeed, stream: Stream, wanted: Bounded, clock: Clock) {
    this.#feed = feed;
    this.#stream = stream;
    this.#wanted = wanted;
    this.#clock = clock;
  }

  /** Resolves when the feed or the client ends. */
  async run(): Promise<void> {
    try {
      // The first line says where the feed begins: a client that leaves before the first change can go on from there.
      await this.#beat();
      await this.#pour();
      await this.#flush();
    } catch (error) {
      const { body } = failureOf(error);
      await this.#flush();
      // Half a line is enough to show the client that the feed failed.
      if (!this.#isInLine) await this.#stream.send(this.#note({ type: 'error', ...body }));
    }
    this.#stream.end();
  }

  async #pour(): Promise<void> {
    const feed = this.#feed;
    while (!this.#stream.ended.aborted && !feed.isEnded) {
      const { form, values, end } = this.#wanted;
      const found = feed.next();
      const change = found instanceof Promise ? await this.#beatingUntil(found) : found;
      if (change === undefined ? end !== Infinity : change.seq > end) {
        const seq = Math.min(feed.position, end);
        this.#gather(noteLine(form, seq, { type: 'end', seq }));
        return;
      }
      if (change !== undefined) {
        this.#gather(changeLine(change, form, values));
        const { value } = change;
        if (value !== undefined && !Buffer.isBuffer(value)) await this.#pourLarge(value);
        if (this.#characters >= PIECE_CHARACTERS) await this.#flush();
      } else if (!feed.isEnded) {
        await this.#flush();
        await this.#wait();
      }
    }
  }

  async #pourLarge(value: LargeValue): Promise<void> {
    this.#isInLine = true;
    for await (const piece of largeValuePieces(value, this.#wanted.form)) {
      await this.#flush();
      this.#gather(piece);
    }
    this.#isInLine = false;
  }

  /** Resolves when there may be more changes, at the latest after a heartbeat. */
  async #wait(): Promise<void> {
    const { ended } = this.#stream;
    const waiting = new AbortController();
    const wake = (): void => waiting.abort();
    const timer = this.#clock.setTimer(HEARTBEAT_MS, wake);
    ended.addEventListener('abort', wake);
    if (!ended.aborted) await this.#feed.more(waiting.signal);
    ended.removeEventListener('abort', wake);
    timer.cancel();
    if (waiting.signal.aborted) await this.#beat();
  }

  /** Sends heartbeats meanwhile: a search for a key or a prefix may take as long as it takes to read the log. */
  async #beatingUntil<T>(work: Promise<T>): Promise<T> {
    let beating = Promise.resolve();
    let timer: Timer;
    const beatLater = (): void => {
      timer = this.#clock.setTimer(HEARTBEAT_MS, () => {
        beating = this.#beat();
        beatLater();
      });
    };
    beatLater();
    try {
      return await work;
    } finally {
      timer!.cancel();
      await beating;
    }
  }

  async #beat(): Promise<void> {
    // Changes that were found go out before the heartbeat that says how far the search has come.
    await this.#flush();
    const { position } = this.#feed;
    await this.#stream.send(this.#note({ type: 'heartbeat', seq: position }));
  }

  #note(note: Readonly<Record<string, unknown>>): string {
    return noteLine(this.#wanted.form, this.#feed.position, note);
  }

  #gather(text: string): void {
    this.#gathered.push(text);
    this.#characters += text.length;
  }

  async #flush(): Promise<void> {
    if (this.#characters === 0) return;
    const text = this.#gathered.join('');
    this.#gathered = [];
    this.#characters = 0;
    await this.#stream.send(text);
  }
}

interface Failure {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Returns the answer for a failure of the world. Any other error is a bug, and is thrown again. */
function failureOf(error: unknown): Failure {
  if (!isKvError(error)) throw error;
  const { code, message, oldestSeq } = error;
  const body = { error: code, message, ...(oldestSeq === undefined ? {} : { oldest: oldestSeq }) };
  return { status: STATUSES[code] ?? 500, body };
}

const STATUSES: Readonly<Record<string, number>> = {
  KV_BAD_OPTION: 400,
  KV_CLOSED: 503,
  // The likely reason is that no descriptor is left.
  KV_IO: 503,
  KV_TOO_OLD: 410,
};

function refuseFor(exchange: Exchange, error: unknown): void {
  const { status, body } = failureOf(error);
  exchange.say(status, `${jsonLine(body)}\n`, JSON_TYPE);
}

function refuse(exchange: Exchange, status: number, code: string, message: string): void {
  exchange.say(status, `${jsonLine({ error: code, message })}\n`, JSON_TYPE);
}
