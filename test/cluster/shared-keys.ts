// One number and one text that many clients change through several servers. The results must be exact: no incr, append or
// cas too few or too many, except those with an unknown outcome.

import { valuesIn } from './unique-keys.js';
import type { Answer, Session } from './session.js';

interface Tally {
  acknowledged: number;
  unknown: number;
}

const none = (): Tally => ({ acknowledged: 0, unknown: 0 });

export class SharedKeys {
  readonly #counter: string;
  readonly #text: string;
  readonly #casCounter: string;
  readonly #incremented = none();
  readonly #swapped = none();
  /** The outcome of each append, by the appended word. */
  readonly #appended = new Map<string, 'acknowledged' | 'unknown'>();
  #number = 0;

  /** `name` must be unique in the cluster. */
  constructor(name: string) {
    this.#counter = `${name}:counter`;
    this.#text = `${name}:text`;
    this.#casCounter = `${name}:cas`;
  }

  /** Creates the keys, before the other clients use them. */
  async create(session: Session): Promise<void> {
    for (const key of [this.#counter, this.#casCounter]) {
      expectReply(await session.line(`set ${key} 0 0 1\r\n0\r\n`), 'STORED');
    }
    expectReply(await session.line(`set ${this.#text} 0 0 1\r\n,\r\n`), 'STORED');
  }

  /** Does one incr, one append and one cas. */
  async change(session: Session): Promise<void> {
    tally(this.#incremented, await session.line(`incr ${this.#counter} 1\r\n`), /^\d+$/);
    const word = `${this.#number++},`;
    const appended = await session.line(`append ${this.#text} 0 0 ${word.length}\r\n${word}\r\n`);
    if (appended.kind !== 'refused') {
      const isStored = appended.kind === 'answered';
      if (isStored) expectReply(appended, 'STORED');
      this.#appended.set(word, isStored ? 'acknowledged' : 'unknown');
    }
    await this.#swap(session);
  }

  /** Returns a line for each key that is not exact. */
  async judge(session: Session): Promise<string[]> {
    const reply = await session.list(`get ${this.#counter} ${this.#casCounter} ${this.#text}\r\n`);
    if (reply.kind !== 'answered') throw new Error(JSON.stringify(reply));
    const values = valuesIn(reply.reply);
    const wrong: string[] = [];
    for (const [key, { acknowledged, unknown }] of [
      [this.#counter, this.#incremented],
      [this.#casCounter, this.#swapped],
    ] as const) {
      const found = Number(values.get(key));
      if (found >= acknowledged && found <= acknowledged + unknown) continue;
      wrong.push(`${key} is ${found} after ${acknowledged} changes and ${unknown} unknown ones`);
    }
    const words = (values.get(this.#text) ?? '').split(',').filter((word) => word !== '');
    const times = new Map<string, number>();
    for (const word of words) times.set(`${word},`, (times.get(`${word},`) ?? 0) + 1);
    for (const [word, known] of this.#appended) {
      const count = times.get(word) ?? 0;
      if (count > 1 || (count === 0 && known === 'acknowledged')) {
        wrong.push(`${word} (${known}) is ${count} times in ${this.#text}`);
      }
      times.delete(word);
    }
    for (const word of times.keys()) wrong.push(`nobody appended ${word} to ${this.#text}`);
    return wrong;
  }

  /** The numbers of acknowledged changes of each kind. */
  get counts(): Readonly<Record<'incremented' | 'appended' | 'swapped', number>> {
    const appended = [...this.#appended.values()].filter((known) => known === 'acknowledged');
    return {
      incremented: this.#incremented.acknowledged,
      appended: appended.length,
      swapped: this.#swapped.acknowledged,
    };
  }

  /** Adds one by gets and cas; when another client was quicker, the addition is dropped. */
  async #swap(session: Session): Promise<void> {
    const seen = await session.list(`gets ${this.#casCounter}\r\n`);
    if (seen.kind !== 'answered') return;
    const [, cas, value] = /^VALUE \S+ \d+ \d+ (\d+)\r\n(\d+)\r\n/.exec(seen.reply) ?? [];
    const next = String(Number(value) + 1);
    const request = `cas ${this.#casCounter} 0 0 ${next.length} ${cas}\r\n${next}\r\n`;
    const answer = await session.line(request);
    if (answer.kind === 'answered' && answer.reply === 'EXISTS') return;
    tally(this.#swapped, answer, /^STORED$/);
  }
}

function tally(sum: Tally, answer: Answer, right: RegExp): void {
  if (answer.kind === 'unknown') sum.unknown += 1;
  if (answer.kind !== 'answered') return;
  if (!right.test(answer.reply)) throw new Error(`Not the reply for it: ${answer.reply}`);
  sum.acknowledged += 1;
}

function expectReply(answer: Answer, reply: string): void {
  if (answer.kind !== 'answered' || answer.reply !== reply) throw new Error(JSON.stringify(answer));
}
