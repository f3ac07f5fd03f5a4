// A client of a drill: it asks one server, connects again when the connection is lost, and notes how it was answered.
//
// Invariant: each request is sent once. Then it was answered, or it was refused and certainly not done, or its outcome is
// unknown.

import { setTimeout } from 'node:timers/promises';

import { withinTime } from '../../tools/torture/time-limit.js';
import { WireClient } from '../../tools/torture/wire-client.js';

export type Answer =
  | { readonly kind: 'answered'; readonly reply: string }
  /** The server answered with an error that means "not done". */
  | { readonly kind: 'refused'; readonly reply: string }
  | { readonly kind: 'unknown' };

/** The common experience of all clients of a drill. */
export class Experience {
  answered = 0;
  refused = 0;
  unknown = 0;
  slowestMs = 0;
  /** Requests without any answer for HANG_MS. */
  readonly hangs: string[] = [];
  /** The number of times that each error came. */
  readonly errors = new Map<string, number>();
  #wake: () => void = () => undefined;

  /** Resolves when the clients got that many more errors. */
  async moreErrors(count: number): Promise<void> {
    const until = this.refused + this.unknown + count;
    while (this.refused + this.unknown < until) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  note(answer: Answer, tookMs: number): void {
    this[answer.kind] += 1;
    if (answer.kind !== 'answered') this.#wake();
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    if (answer.kind === 'refused') this.noteError(answer.reply);
  }

  noteError(reply: string): void {
    this.errors.set(reply, (this.errors.get(reply) ?? 0) + 1);
  }
}

/** The server answers within 5 s, at least with an error; a machine with other work gets twice that. */
const HANG_MS = 10_000;
const RETRY_MS = 50;
/** A client that got an error asks again after this time. */
const BACK_OFF_MS = 100;
const OUTCOME_UNKNOWN = 'SERVER_ERROR outcome unknown';

export class Session {
  readonly #place: number | string;
  readonly #experience: Experience;
  readonly #signal: AbortSignal;
  #client: Promise<WireClient> | undefined;

  /** `place`: a port, or the path of a socket. The session stops connecting when `signal` is aborted. */
  constructor(place: number | string, experience: Experience, signal: AbortSignal) {
    this.#place = place;
    this.#experience = experience;
    this.#signal = signal;
  }

  /** Sends a request that is answered with one line. */
  line(request: string): Promise<Answer> {
    return this.#ask(request, (client) => client.line(request));
  }

  /** Sends a request whose reply ends with END. */
  list(request: string): Promise<Answer> {
    return this.#ask(request, (client) => client.list(request));
  }

  async close(): Promise<void> {
    await this.#client?.then((client) => client.close(), ignoreRefused);
  }

  async #ask(request: string, send: (client: WireClient) => Promise<string>): Promise<Answer> {
    this.#client ??= this.#connect();
    const connecting = this.#client;
    const client = await connecting;
    const startedMs = performance.now();
    let answer: Answer;
    try {
      const asked = withinTime(HANG_MS, send(client), () => new Error(`No answer to ${request}`));
      answer = answerOf(await asked);
    } catch (error) {
      if (String(error).includes('No answer')) this.#experience.hangs.push(request);
      // The server that was asked is gone or silent; the next request goes over another connection.
      client.close();
      if (this.#client === connecting) this.#client = undefined;
      answer = { kind: 'unknown' };
    }
    if (answer.kind === 'unknown') this.#experience.noteError('unknown outcome');
    this.#experience.note(answer, performance.now() - startedMs);
    if (answer.kind !== 'answered') await setTimeout(BACK_OFF_MS);
    return answer;
  }

  async #connect(): Promise<WireClient> {
    for (;;) {
      try {
        return await WireClient.connect(this.#place);
      } catch (error) {
        ignoreRefused(error);
        if (this.#signal.aborted) throw error;
        await setTimeout(RETRY_MS);
      }
    }
  }
}

function answerOf(reply: string): Answer {
  if (reply === OUTCOME_UNKNOWN) return { kind: 'unknown' };
  if (/^(SERVER_|CLIENT_)?ERROR/.test(reply)) return { kind: 'refused', reply };
  return { kind: 'answered', reply };
}

/** Ignores that no process listens there at the moment. */
function ignoreRefused(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'ECONNRESET') throw error;
}
