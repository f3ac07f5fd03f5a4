// Clients that read and change a few keys all at once, and record what each was answered and when. In the end each key's
// history must be linearizable (test/sim/linearizability.ts), whatever servers and failovers were between.

import type { SeededRandom } from '../../tools/torture/seeded-random.js';
import {
  isLinearizable,
  MISSING,
  REGISTER,
  type Done,
  type Operation,
  type RegisterInput,
  type RegisterOutput,
} from '../sim/linearizability.js';
import type { Answer, Session } from './session.js';

type KeyOperation = Operation<RegisterInput, RegisterOutput>;

interface Token {
  readonly value: string;
  readonly cas: string;
}

/** A key's history with more operations than this takes too long to search. */
const OPERATIONS_A_KEY = 150;
const UNKNOWN_A_KEY = 6;
const KEYS = 3;
const KINDS = [
  ...(['get', 'get', 'get', 'set', 'set', 'cas', 'cas'] as const),
  ...(['add', 'replace', 'append', 'delete'] as const),
];
const COUNTER_KINDS = ['get', 'incr', 'incr', 'incr', 'set', 'delete'] as const;
const DONE: Readonly<Record<string, Done>> = {
  STORED: 'yes',
  DELETED: 'yes',
  NOT_STORED: 'no',
  EXISTS: 'no',
  NOT_FOUND: 'missing',
};

export interface RegisterFindings {
  readonly keys: number;
  readonly operations: number;
  readonly unknown: number;
  /** Histories without an order, each written out. */
  readonly broken: readonly string[];
}

/** Keys that several clients share; used-up keys are replaced, so that every history stays small. */
export class Registers {
  readonly #name: string;
  readonly #histories = new Map<string, KeyOperation[]>();
  readonly #open: string[] = [];
  #made = 0;
  #number = 0;

  /** `name` must be unique in the cluster. */
  constructor(name: string) {
    this.#name = name;
    for (let count = 0; count < KEYS; count++) this.#makeKey();
  }

  /** Sends one request after the other until the signal. */
  async use(session: Session, random: SeededRandom, signal: AbortSignal): Promise<void> {
    const tokens = new Map<string, Token>();
    while (!signal.aborted) {
      const key = random.pick(this.#open);
      await this.#ask(session, key, this.#draw(key, random, tokens), tokens);
    }
  }

  judge(): RegisterFindings {
    const all = [...this.#histories].filter(([, history]) => history.length > 0);
    const broken = all
      .filter(([, history]) => !isLinearizable(history, REGISTER))
      .map(([key, history]) => `${key} has no order:\n${describe(history)}`);
    const operations = all.flatMap(([, history]) => history);
    return {
      keys: all.length,
      operations: operations.length,
      unknown: operations.filter(({ output }) => output === undefined).length,
      broken,
    };
  }

  /** Every second key is a counter. incr gives no unique values, so no client uses cas on counters. */
  #makeKey(): void {
    const key = `${this.#name}:${this.#made % 2 === 0 ? 'register' : 'counter'}:${this.#made}`;
    this.#made += 1;
    this.#histories.set(key, []);
    this.#open.push(key);
  }

  #draw(key: string, random: SeededRandom, tokens: Map<string, Token>): RegisterInput {
    this.#number += 1;
    if (key.includes(':counter:')) {
      const kind = random.pick(COUNTER_KINDS);
      // The values are far from each other: no incr leads from one to the next.
      return kind === 'set' ? { do: kind, value: `${this.#number}0000` } : { do: kind };
    }
    const value = `[${this.#number}]`;
    const kind = random.pick(KINDS);
    if (kind === 'get' || kind === 'delete') return { do: kind };
    const token = tokens.get(key);
    if (kind !== 'cas') return { do: kind, value };
    return token === undefined ? { do: 'get' } : { do: kind, value, token: token.value };
  }

  async #ask(
    session: Session,
    key: string,
    input: RegisterInput,
    tokens: Map<string, Token>,
  ): Promise<void> {
    const callMs = performance.now();
    const answer = await (input.do === 'get'
      ? session.list(`gets ${key}\r\n`)
      : session.line(compose(key, input, tokens)));
    const returnMs = performance.now();
    if (answer.kind === 'refused') return;
    const history = this.#histories.get(key)!;
    if (answer.kind === 'answered') {
      const output = outputOf(input, answer, key, tokens);
      history.push({ input, output, callMs, returnMs });
    } else if (input.do !== 'get') {
      // The operation may still be under way.
      history.push({ input, output: undefined, callMs, returnMs: Infinity });
    }
    const at = this.#open.indexOf(key);
    const unknown = history.filter(({ output }) => output === undefined).length;
    const isUsedUp = history.length >= OPERATIONS_A_KEY || unknown >= UNKNOWN_A_KEY;
    if (!isUsedUp || at < 0) return;
    this.#open.splice(at, 1);
    this.#makeKey();
  }
}

function compose(key: string, input: RegisterInput, tokens: Map<string, Token>): string {
  if (input.do === 'delete' || input.do === 'get') return `${input.do} ${key}\r\n`;
  if (input.do === 'incr') return `incr ${key} 1\r\n`;
  const cas = input.do === 'cas' ? ` ${tokens.get(key)?.cas}` : '';
  return `${input.do} ${key} 0 0 ${input.value.length}${cas}\r\n${input.value}\r\n`;
}

function outputOf(
  input: RegisterInput,
  { reply }: Answer & { readonly kind: 'answered' },
  key: string,
  tokens: Map<string, Token>,
): RegisterOutput {
  if (input.do === 'get') {
    const found = /^VALUE \S+ \d+ \d+ (\d+)\r\n(.*)\r\n/.exec(reply);
    const [, cas = '', value = MISSING] = found ?? [];
    if (found !== null) tokens.set(key, { cas, value });
    return { value };
  }
  if (input.do === 'incr' && /^\d+$/.test(reply)) return { count: reply };
  const done = DONE[reply];
  if (done === undefined) throw new Error(`${input.do} ${key}: ${reply}`);
  return { done };
}

function describe(history: readonly KeyOperation[]): string {
  return history
    .toSorted((a, b) => a.callMs - b.callMs)
    .map(({ callMs, returnMs, input, output }) =>
      JSON.stringify([callMs.toFixed(1), returnMs.toFixed(1), input, output]),
    )
    .join('\n');
}
