// The load under which the server is killed. Connections that each own some keys write them with every kind of
// change, pipelined, and readers look at the keys of others. The ledger tells the reply to every write beforehand,
// every value is unique, and a state that was seen must survive.

import { SeededRandom } from './seeded-random.js';
import { ConnectionLost, WireClient } from './wire-client.js';
import { KeyLedger, type State } from './ledger.js';

/** An item as a meta get shows it. `mark` says which of our far-off expiry times it has; 0 is none. */
interface Item {
  readonly flags: number;
  readonly mark: number;
  readonly value: string;
}

const MARK_SECONDS = 10_000;
/** Expiry times are this Unix time (2033) plus a whole mark: far off, and still within 31 bits. */
const MARK_BASE = 2_000_000_000;
const APPENDED_BYTES_MAX = 8_000;

function encode({ flags, mark, value }: Item): string {
  return `${flags} ${mark} ${value}`;
}

function decode(state: State): Item | undefined {
  if (state === undefined) return undefined;
  const [flags, mark] = state.split(' ', 2);
  const value = state.slice(`${flags} ${mark} `.length);
  return { flags: Number(flags), mark: Number(mark), value };
}

/** Returns the reply to `mg <key> f t v` as a state of the ledger. */
export function stateOf(reply: string): State {
  if (reply === 'EN') return undefined;
  if (reply.startsWith('SERVER_ERROR')) throw new ServerRefusal(reply);
  const [line, ...value] = reply.split('\r\n');
  const found = /^VA \d+ f(\d+) t(-?\d+)$/.exec(line ?? '');
  if (found === null) throw new Error(`Not a reply to mg: ${line}`);
  const seconds = Number(found[2]);
  const expiresAt = seconds < 0 ? 0 : Date.now() / 1000 + seconds - MARK_BASE;
  const mark = Math.round(expiresAt / MARK_SECONDS);
  return encode({ flags: Number(found[1]), mark, value: value.join('\r\n') });
}

export const readOf = (key: string): string => `mg ${key} f t v\r\n`;

const exptimeOf = (mark: number): number => (mark === 0 ? 0 : MARK_BASE + mark * MARK_SECONDS);

/** The server gave up on a request, because its disk is full or broken. The write may or may not have happened. */
export class ServerRefusal extends Error {
  override readonly name = 'ServerRefusal';
}

interface Write {
  readonly request: string;
  readonly reply: string;
  /** The state that the write leads to; when it is refused, the state before it. */
  readonly next: State;
}

export interface Findings {
  /** Called at each acknowledgement. */
  onAcknowledged: () => void;
  acknowledged: number;
  seen: number;
  readonly lost: string[];
  readonly invented: string[];
  readonly wrongReplies: string[];
}

export function noFindings(): Findings {
  return {
    onAcknowledged: () => undefined,
    acknowledged: 0,
    seen: 0,
    lost: [],
    invented: [],
    wrongReplies: [],
  };
}

const TEXT_COMMANDS = [
  'set',
  'set',
  'set',
  'add',
  'replace',
  'append',
  'prepend',
  'delete',
  'touch',
] as const;
const NUMBER_COMMANDS = ['incr', 'incr', 'decr', 'touch', 'delete', 'set'] as const;
type Command = (typeof TEXT_COMMANDS)[number] | (typeof NUMBER_COMMANDS)[number];

/** Answers that mean that nothing was changed (docs/errors.md). */
const REFUSALS = [
  'SERVER_ERROR disk full, not stored',
  'SERVER_ERROR out of file descriptors, not stored',
  'SERVER_ERROR value could not be written, not stored',
  'SERVER_ERROR stored value is damaged',
  'SERVER_ERROR stored value could not be read',
];

/** The keys of one connection, and the writes that it makes on them. */
export class Writer {
  readonly ledgers = new Map<string, KeyLedger>();
  readonly #name: string;
  readonly #random: SeededRandom;
  readonly #valueBytesMax: number;
  readonly #longShare: number;
  /** Connections on which a write was refused: the replies to what was sent after it tell nothing about the ledger. */
  readonly #unsure = new WeakSet<WireClient>();
  #written = 0;

  /** A share `longShare` of the values may be as long as `valueBytesMax`; the others are short. */
  constructor(name: string, random: SeededRandom, valueBytesMax: number, longShare = 0.1) {
    this.#name = name;
    this.#random = random;
    this.#valueBytesMax = valueBytesMax;
    this.#longShare = longShare;
    for (let i = 0; i < 8; i++) this.ledgers.set(`text:${name}:${i}`, new KeyLedger());
    for (let i = 0; i < 3; i++) this.ledgers.set(`number:${name}:${i}`, new KeyLedger());
  }

  /** Writes until the connection is lost. Throws a ServerRefusal. */
  async run(client: WireClient, findings: Findings): Promise<void> {
    try {
      for (;;) {
        if (this.#random.chance(0.1)) await this.#swap(client, findings);
        const batch = this.#random.between(1, 12);
        await Promise.all(Array.from({ length: batch }, () => this.#write(client, findings)));
      }
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
  }

  /**
   * Sends one write while the disk fails, with no later write of ours in flight. Returns `refused` when the write was
   * certainly not done, and notes that in the ledger. Returns `unknown` when the server does not know either and is
   * about to end.
   */
  async writeUnderFaults(
    client: WireClient,
    findings: Findings,
  ): Promise<'done' | 'refused' | 'unknown'> {
    const { ledger, write } = this.#draw();
    try {
      await this.#send(client, ledger, write, findings);
      return 'done';
    } catch (error) {
      if (!(error instanceof ServerRefusal)) throw error;
      if (error.message === 'SERVER_ERROR storage is not available') return 'unknown';
      if (!REFUSALS.includes(error.message)) throw error;
      this.#unsure.delete(client);
      ledger.refused();
      return 'refused';
    }
  }

  async #write(client: WireClient, findings: Findings): Promise<void> {
    const { ledger, write } = this.#draw();
    await this.#send(client, ledger, write, findings);
  }

  #draw(): { readonly ledger: KeyLedger; readonly write: Write } {
    const key = this.#random.pick([...this.ledgers.keys()]);
    const ledger = this.ledgers.get(key) as KeyLedger;
    const commands = key.startsWith('text') ? TEXT_COMMANDS : NUMBER_COMMANDS;
    return {
      ledger,
      write: this.#compose(this.#random.pick(commands), key, decode(ledger.newest)),
    };
  }

  /**
   * Sends a cas with the right token, which no other client can have made stale, and then a cas with that old token.
   */
  async #swap(client: WireClient, findings: Findings): Promise<void> {
    const key = `text:${this.#name}:${this.#random.below(8)}`;
    const ledger = this.ledgers.get(key) as KeyLedger;
    const token = /^HD c(\d+)$/.exec(await client.line(`mg ${key} c\r\n`))?.[1];
    if (token === undefined) return;
    const item = this.#item();
    const head = `cas ${key} ${item.flags} ${exptimeOf(item.mark)} ${item.value.length} ${token}`;
    const request = `${head}\r\n${item.value}\r\n`;
    const next = encode(item);
    const first = this.#send(client, ledger, { request, reply: 'STORED', next }, findings);
    const second = this.#send(client, ledger, { request, reply: 'EXISTS', next }, findings);
    await Promise.all([first, second]);
  }

  async #send(
    client: WireClient,
    ledger: KeyLedger,
    { request, reply, next }: Write,
    findings: Findings,
  ): Promise<void> {
    ledger.sent(next);
    const got = await client.line(request);
    if (this.#unsure.has(client)) return;
    if (got.startsWith('SERVER_ERROR')) {
      this.#unsure.add(client);
      throw new ServerRefusal(got);
    }
    ledger.answered();
    findings.acknowledged += 1;
    findings.onAcknowledged();
    if (got !== reply) {
      findings.wrongReplies.push(`${request.split('\r\n')[0]}: ${got} instead of ${reply}`);
    }
  }

  #item(): Item {
    this.#written += 1;
    const name = `${this.#name}.${this.#written}.`;
    const limit = this.#random.chance(this.#longShare) ? this.#valueBytesMax : 200;
    const value = name.padEnd(this.#random.below(limit), name);
    return { flags: this.#random.next32(), mark: this.#random.below(1000), value };
  }

  #compose(command: Command, key: string, old: Item | undefined): Write {
    const refuse = (request: string, reply: string): Write => ({
      request,
      reply,
      next: old === undefined ? undefined : encode(old),
    });
    if (command === 'delete') {
      const request = `delete ${key}\r\n`;
      if (old === undefined) return refuse(request, 'NOT_FOUND');
      return { request, reply: 'DELETED', next: undefined };
    }
    if (command === 'touch') {
      const mark = this.#random.below(1000);
      const request = `touch ${key} ${exptimeOf(mark)}\r\n`;
      if (old === undefined) return refuse(request, 'NOT_FOUND');
      return { request, reply: 'TOUCHED', next: encode({ ...old, mark }) };
    }
    if (command === 'incr' || command === 'decr') return this.#count(command, key, old, refuse);
    return this.#store(command, key, old, refuse);
  }

  #count(
    command: 'incr' | 'decr',
    key: string,
    old: Item | undefined,
    refuse: (request: string, reply: string) => Write,
  ): Write {
    const delta = this.#random.between(1, 1000);
    const request = `${command} ${key} ${delta}\r\n`;
    if (old === undefined) return refuse(request, 'NOT_FOUND');
    // memcached keeps the length: it pads a number that became shorter with spaces.
    const before = BigInt(old.value.trim());
    const wanted = command === 'incr' ? before + BigInt(delta) : before - BigInt(delta);
    const after = String(wanted < 0n ? 0n : wanted);
    const value = after.padEnd(old.value.length);
    return { request, reply: after, next: encode({ ...old, value }) };
  }

  #store(
    wanted: 'set' | 'add' | 'replace' | 'append' | 'prepend',
    key: string,
    old: Item | undefined,
    refuse: (request: string, reply: string) => Write,
  ): Write {
    const joins = wanted === 'append' || wanted === 'prepend';
    const command = joins && (old?.value.length ?? 0) > APPENDED_BYTES_MAX ? 'set' : wanted;
    let item = this.#item();
    // Numbers start with different values, with room for sums.
    if (key.startsWith('number')) item = { ...item, value: `${this.#written}000000` };
    const head = `${command} ${key} ${item.flags} ${exptimeOf(item.mark)} ${item.value.length}`;
    const request = `${head}\r\n${item.value}\r\n`;
    const stored = { request, reply: 'STORED' };
    if (command === 'set') return { ...stored, next: encode(item) };
    if ((old === undefined) !== (command === 'add')) return refuse(request, 'NOT_STORED');
    if (old === undefined || command === 'replace') return { ...stored, next: encode(item) };
    const value = command === 'append' ? old.value + item.value : item.value + old.value;
    return { ...stored, next: encode({ ...old, value }) };
  }
}

/** Reads keys of all writers until the connection is lost. The states it saw must survive. Throws as the writers do. */
export async function readOthers(
  client: WireClient,
  writers: readonly Writer[],
  random: SeededRandom,
  findings: Findings,
): Promise<void> {
  const keys = writers.flatMap((writer) => [...writer.ledgers]);
  const look = async (): Promise<void> => {
    const [key, ledger] = random.pick(keys);
    const state = stateOf(await client.meta(readOf(key)));
    findings.seen += 1;
    const verdict = ledger.seen(state);
    if (verdict !== 'right') findings[verdict].push(`${key} was shown as ${state?.slice(0, 80)}`);
  };
  try {
    for (;;) await Promise.all(Array.from({ length: random.between(1, 8) }, look));
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
  }
}
