// Clients that store keys of their own, each once, and readers that look at the newest of them. In the end every key is
// read back: a counter that grows would hide a loss, but a missing acknowledged key does not.

import { MISSING } from '../sim/linearizability.js';
import type { Session } from './session.js';

/** The part of a session that stores and reads the keys. */
type Asked = Pick<Session, 'line' | 'list'>;

/** The outcome of a write. In the end the key holds its value when acknowledged or seen, and nothing when refused. */
type Known = 'acknowledged' | 'seen' | 'refused' | 'unknown';

export interface UniqueFindings {
  readonly acknowledged: number;
  readonly seen: number;
  readonly unknown: number;
  /** The number of unknown writes that did happen. */
  readonly happened: number;
  readonly lost: readonly string[];
  /** Keys that were seen, were never acknowledged, and are gone. */
  readonly seenAndGone: readonly string[];
  /** Keys that are there although they were refused as not done, or were never sent with that value. */
  readonly invented: readonly string[];
}

const READ_KEYS = 100;

/** One writer's keys: `{tag}:name:number`. With the same hash tag, all of them lie in one shard. */
export class UniqueKeys {
  readonly tag: string;
  readonly #name: string;
  readonly #known = new Map<string, Known>();
  readonly #seenAndRefused: string[] = [];
  #sent = 0;
  #acknowledged = 0;
  #seen = 0;
  #lastAckMs: number | undefined;
  #longestSilenceMs = 0;
  #wake: () => void = () => undefined;

  /** `tag` and `name` together must be unique in the cluster. */
  constructor(tag: string, name: string) {
    this.tag = tag;
    this.#name = name;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The longest time from one acknowledgement to the next. */
  get longestSilenceMs(): number {
    return this.#longestSilenceMs;
  }

  /** Resolves when that many more writes were acknowledged from now on. */
  async more(count: number): Promise<void> {
    const until = this.#acknowledged + count;
    while (this.#acknowledged < until) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** Stores key after key until the signal, `depth` of them at a time. */
  async write(session: Asked, depth: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(Array.from({ length: depth }, () => this.#store(session)));
    }
  }

  /** Reads the newest keys until the signal, including keys whose write is under way. */
  async look(session: Asked, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await new Promise((resolve) => void setImmediate(resolve));
      const keys = Array.from({ length: 5 }, (_, back) => this.#key(this.#sent - back - 1));
      const answer = await session.list(`get ${keys.join(' ')}\r\n`);
      if (answer.kind !== 'answered') continue;
      for (const key of valuesIn(answer.reply).keys()) {
        const known = this.#known.get(key);
        if (known === 'acknowledged' || known === 'refused') continue;
        this.#known.set(key, 'seen');
        this.#seen += 1;
      }
    }
  }

  /** Reads all keys back, when the cluster is whole again. */
  async judge(session: Asked): Promise<UniqueFindings> {
    const lost: string[] = [];
    const seenAndGone: string[] = [];
    const invented = [...this.#seenAndRefused];
    const kinds = [...this.#known.values()];
    let happened = 0;
    const keys = [...this.#known.keys()];
    for (let at = 0; at < keys.length; at += READ_KEYS) {
      const asked = keys.slice(at, at + READ_KEYS);
      const answer = await session.list(`get ${asked.join(' ')}\r\n`);
      if (answer.kind !== 'answered') throw new Error(`${asked[0]}: ${JSON.stringify(answer)}`);
      const values = valuesIn(answer.reply);
      for (const key of asked) {
        const found = values.get(key) ?? MISSING;
        const known = this.#known.get(key);
        if (found !== MISSING && found !== valueOf(key)) invented.push(`${key} is ${found}`);
        else if (found !== MISSING && known === 'refused') invented.push(`${key} was refused`);
        else if (found !== MISSING && known === 'unknown') happened += 1;
        else if (found === MISSING && known === 'acknowledged') lost.push(key);
        else if (found === MISSING && known === 'seen') seenAndGone.push(key);
      }
    }
    return {
      acknowledged: this.#acknowledged,
      seen: this.#seen,
      unknown: kinds.filter((kind) => kind === 'unknown').length,
      happened,
      lost,
      seenAndGone,
      invented,
    };
  }

  #key(number: number): string {
    return `{${this.tag}}:${this.#name}:${number}`;
  }

  async #store(session: Asked): Promise<void> {
    const key = this.#key(this.#sent++);
    const value = valueOf(key);
    // Until the write is answered its outcome is unknown, unless a reader sees it meanwhile.
    this.#known.set(key, 'unknown');
    const answer = await session.line(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
    if (answer.kind === 'unknown') return;
    if (answer.kind === 'refused') {
      if (this.#known.get(key) === 'seen') this.#seenAndRefused.push(`${key} was seen and refused`);
      this.#known.set(key, 'refused');
      return;
    }
    if (answer.reply !== 'STORED') throw new Error(`${key}: ${answer.reply}`);
    this.#known.set(key, 'acknowledged');
    this.#acknowledged += 1;
    const nowMs = performance.now();
    if (this.#lastAckMs !== undefined) {
      this.#longestSilenceMs = Math.max(this.#longestSilenceMs, nowMs - this.#lastAckMs);
    }
    this.#lastAckMs = nowMs;
    this.#wake();
  }
}

function valueOf(key: string): string {
  return `value of ${key}`.padEnd(100, '.');
}

/** Returns the keys and values of a reply to get; the values hold no line ends. */
export function valuesIn(reply: string): ReadonlyMap<string, string> {
  const found = reply.matchAll(/^VALUE (\S+) \d+ \d+(?: \d+)?\r\n(.*)\r$/gm);
  return new Map([...found].map(([, key = '', value = '']) => [key, value]));
}
