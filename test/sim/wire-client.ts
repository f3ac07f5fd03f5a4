// A client of a simulated server. It asks by the meta protocol, a few requests at a time, and records what it asked, what
// it was answered, and when. Its values are unique, so that a history shows which write was read.

import type { Operation, Done, RegisterInput, RegisterOutput } from './linearizability.js';
import { MISSING } from './linearizability.js';
import { Violation } from './history.js';
import type { SimLink, SimServer } from './sim-server.js';
import type { SimWorld } from './sim-world.js';

export interface KeyOperation extends Operation<RegisterInput, RegisterOutput> {
  readonly key: string;
}

interface Asked {
  readonly key: string;
  readonly input: RegisterInput;
  readonly callMs: number;
}

interface Token {
  readonly value: string;
  readonly cas: string;
}

const DONE: Readonly<Record<string, Done>> = { HD: 'yes', NS: 'no', EX: 'no', NF: 'missing' };
const WHOLE_REPLY = /^(?:VA (\d+)[^\r\n]*|[^\r\n]*)\r\n/;

export class WireClient {
  readonly operations: KeyOperation[] = [];
  readonly #world: SimWorld;
  readonly #keys: readonly string[];
  readonly #name: string;
  readonly #link: SimLink;
  readonly #tokens = new Map<string, Token>();
  #asked: Asked[] = [];
  readonly #refused: Asked[] = [];
  #received = '';
  #number = 0;
  #left: number;
  #settle: () => void = () => {};
  readonly done: Promise<void>;

  /** Asks `count` times. `name` is unique over all boots. */
  constructor(
    world: SimWorld,
    server: SimServer,
    name: string,
    keys: readonly string[],
    count: number,
  ) {
    this.#world = world;
    this.#name = name;
    this.#keys = keys;
    this.#left = count;
    this.#link = server.connect((bytes) => this.#receive(bytes));
    this.done = new Promise((resolve) => (this.#settle = resolve));
    world.scheduler.after(world.random.fraction(), () => this.#ask());
  }

  /** Handles the death of the process: the outcome of unanswered requests is unknown. */
  lose(): void {
    this.#link.arrive();
    const returnMs = this.#world.scheduler.nowMs;
    for (const asked of [...this.#refused.splice(0), ...this.#asked.splice(0)]) {
      this.operations.push({ ...asked, output: undefined, returnMs });
    }
  }

  #ask(): void {
    const { random, scheduler } = this.#world;
    if (this.#left <= 0) {
      this.#settle();
      return;
    }
    const requests: string[] = [];
    for (let count = random.pick([1, 1, 2, 3]); count > 0; count--) {
      this.#left -= 1;
      const key = random.pick(this.#keys);
      const input = this.#draw(key);
      this.#asked.push({ key, input, callMs: scheduler.nowMs });
      requests.push(this.#compose(key, input));
    }
    this.#link.send(Buffer.from(requests.join('')));
  }

  #draw(key: string): RegisterInput {
    const { random } = this.#world;
    const value = `[${this.#name}-${this.#number++}]`.padEnd(random.pick([8, 8, 60, 700]), '.');
    const kind = random.pick([
      'get',
      'get',
      'set',
      'set',
      'add',
      'replace',
      'append',
      'delete',
      'cas',
    ]);
    const token = this.#tokens.get(key);
    if (kind === 'get' || kind === 'delete') return { do: kind };
    if (kind === 'cas') {
      return token === undefined ? { do: 'get' } : { do: kind, value, token: token.value };
    }
    return { do: kind as 'set', value };
  }

  #compose(key: string, input: RegisterInput): string {
    if (input.do === 'get') return `mg ${key} v c\r\n`;
    if (input.do === 'delete') return `md ${key}\r\n`;
    if (input.do === 'incr') return `ma ${key} v\r\n`;
    const mode = { set: 'S', add: 'E', replace: 'R', append: 'A', cas: 'S' }[input.do];
    const cas = input.do === 'cas' ? ` C${this.#tokens.get(key)?.cas}` : '';
    return `ms ${key} ${input.value.length} c M${mode}${cas}\r\n${input.value}\r\n`;
  }

  #receive(bytes: Buffer): void {
    this.#received += bytes.toString('latin1');
    for (;;) {
      const match = WHOLE_REPLY.exec(this.#received);
      if (match === null) return;
      const [line, size] = match;
      const end = line.length + (size === undefined ? 0 : Number(size) + 2);
      if (this.#received.length < end) return;
      const value = size === undefined ? MISSING : this.#received.slice(line.length, end - 2);
      this.#received = this.#received.slice(end);
      this.#answered(line.trimEnd(), value);
    }
  }

  #answered(line: string, value: string): void {
    const asked = this.#asked.shift();
    if (asked === undefined) throw new Violation(`${this.#name} got "${line}" without asking`);
    const returnMs = this.#world.scheduler.nowMs;
    if (line.startsWith('SERVER_ERROR')) {
      // The store is poisoned: the next start shows whether the change happened.
      this.#refused.push(asked);
      this.#left = 0;
      if (this.#asked.length === 0) this.#ask();
      return;
    }
    const cas = / c(\d+)/.exec(line)?.[1] ?? '';
    this.operations.push({ ...asked, output: this.#outputOf(asked, line, value), returnMs });
    if (asked.input.do === 'get' && value !== MISSING) this.#tokens.set(asked.key, { value, cas });
    if (this.#asked.length === 0) this.#ask();
  }

  #outputOf({ input }: Asked, line: string, value: string): RegisterOutput {
    const status = line.slice(0, 2);
    if (input.do === 'get' && (status === 'VA' || status === 'EN')) return { value };
    const done = DONE[status];
    if (input.do !== 'get' && done !== undefined) return { done };
    throw new Violation(`${input.do} was answered "${line}"`);
  }
}
