// One client in three protocols: the same calls, with the same outcomes, in text, meta and binary. Each call is a
// connection of its own.

import { exchange } from '../differential/exchange.js';
import {
  arithmeticExtras,
  exptimeExtras,
  packet,
  responses,
  setExtras,
  type PacketFields,
  type Response,
} from '../support/binary-packets.js';

type StoreMode = 'set' | 'add' | 'replace' | 'append' | 'prepend';
type StoreOutcome = 'stored' | 'not-stored' | 'exists' | 'not-found';

interface Stored {
  readonly value: string;
  readonly flags: number;
  readonly cas: bigint;
}

interface StoreMore {
  readonly flags?: number;
  readonly exptime?: number;
  /** Stores only when the item has this token (set alone). */
  readonly cas?: bigint;
}

export interface Speaker {
  store(mode: StoreMode, key: string, value: string, more?: StoreMore): Promise<StoreOutcome>;
  get(key: string): Promise<Stored | undefined>;
  delete(key: string): Promise<'deleted' | 'not-found'>;
  /** Adds or subtracts; returns the new number. */
  count(
    how: 'incr' | 'decr',
    key: string,
    delta: bigint,
  ): Promise<bigint | 'not-found' | 'no-number'>;
  touch(key: string, exptime: number): Promise<'touched' | 'not-found'>;
  /** Flushes. Meta has no flush of its own: its clients send flush_all. */
  flush(exptime: number): Promise<'ok'>;
  /** Reads each key by get with many keys, or by a pipeline of quiet gets and a barrier. Returns only existing items. */
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Lists the keys by metadump or by mgdump; binary has no listing: undefined. */
  list(): Promise<readonly string[] | undefined>;
}

/** Returns the meaning of a reply; throws on any other. */
function meaning<T>(table: Readonly<Record<string, T>>, reply: string): T {
  const found = table[reply];
  if (found === undefined) throw new Error(`Unexpected reply ${JSON.stringify(reply)}`);
  return found;
}

class LineSpeaker {
  readonly #port: () => number;

  constructor(port: () => number) {
    this.#port = port;
  }

  async ask(request: string): Promise<string> {
    return (await exchange(this.#port(), Buffer.from(request, 'latin1'))).toString('latin1');
  }
}

export class TextSpeaker extends LineSpeaker implements Speaker {
  async store(
    mode: StoreMode,
    key: string,
    value: string,
    more: StoreMore = {},
  ): Promise<StoreOutcome> {
    const name = more.cas === undefined ? mode : 'cas';
    const token = more.cas === undefined ? '' : ` ${more.cas}`;
    const numbers = `${more.flags ?? 0} ${more.exptime ?? 0} ${value.length}${token}`;
    const reply = await this.ask(`${name} ${key} ${numbers}\r\n${value}\r\n`);
    return meaning<StoreOutcome>(
      {
        'STORED\r\n': 'stored',
        'NOT_STORED\r\n': 'not-stored',
        'EXISTS\r\n': 'exists',
        'NOT_FOUND\r\n': 'not-found',
      },
      reply,
    );
  }

  async get(key: string): Promise<Stored | undefined> {
    const reply = await this.ask(`gets ${key}\r\n`);
    if (reply === 'END\r\n') return undefined;
    const [, flags, bytes, cas] = /^VALUE \S+ (\d+) (\d+) (\d+)\r\n/.exec(reply) ?? [];
    const start = reply.indexOf('\n') + 1;
    const value = reply.slice(start, start + Number(bytes));
    return { value, flags: Number(flags), cas: BigInt(cas ?? -1) };
  }

  async delete(key: string): Promise<'deleted' | 'not-found'> {
    const reply = await this.ask(`delete ${key}\r\n`);
    return meaning({ 'DELETED\r\n': 'deleted', 'NOT_FOUND\r\n': 'not-found' } as const, reply);
  }

  async count(
    how: 'incr' | 'decr',
    key: string,
    delta: bigint,
  ): Promise<bigint | 'not-found' | 'no-number'> {
    const reply = await this.ask(`${how} ${key} ${delta}\r\n`);
    if (/^\d+\r\n$/.test(reply)) return BigInt(reply.trim());
    const noNumber = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n';
    return meaning({ 'NOT_FOUND\r\n': 'not-found', [noNumber]: 'no-number' } as const, reply);
  }

  async touch(key: string, exptime: number): Promise<'touched' | 'not-found'> {
    const reply = await this.ask(`touch ${key} ${exptime}\r\n`);
    return meaning({ 'TOUCHED\r\n': 'touched', 'NOT_FOUND\r\n': 'not-found' } as const, reply);
  }

  async flush(exptime: number): Promise<'ok'> {
    return meaning({ 'OK\r\n': 'ok' } as const, await this.ask(`flush_all ${exptime}\r\n`));
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const reply = await this.ask(`get ${keys.join(' ')}\r\n`);
    return new Map(
      [...reply.matchAll(/^VALUE (\S+) \d+ \d+\r\n(.*)\r\n/gm)].map(([, key, value]) => [
        key!,
        value!,
      ]),
    );
  }

  async list(): Promise<readonly string[]> {
    const reply = await this.ask('lru_crawler metadump all\r\n');
    return [...reply.matchAll(/^key=(\S+) /gm)].map(([, key]) => decodeURIComponent(key!));
  }
}

const META_MODES = { set: 'S', add: 'E', replace: 'R', append: 'A', prepend: 'P' } as const;

export class MetaSpeaker extends LineSpeaker implements Speaker {
  async store(
    mode: StoreMode,
    key: string,
    value: string,
    more: StoreMore = {},
  ): Promise<StoreOutcome> {
    const token = more.cas === undefined ? '' : ` C${more.cas}`;
    const flags = `F${more.flags ?? 0} T${more.exptime ?? 0} M${META_MODES[mode]}${token}`;
    const reply = await this.ask(`ms ${key} ${value.length} ${flags}\r\n${value}\r\n`);
    return meaning<StoreOutcome>(
      { 'HD\r\n': 'stored', 'NS\r\n': 'not-stored', 'EX\r\n': 'exists', 'NF\r\n': 'not-found' },
      reply,
    );
  }

  async get(key: string): Promise<Stored | undefined> {
    const reply = await this.ask(`mg ${key} v f c\r\n`);
    if (reply === 'EN\r\n') return undefined;
    const [, bytes, flags, cas] = /^VA (\d+) f(\d+) c(\d+)[ WXZ]*\r\n/.exec(reply) ?? [];
    const start = reply.indexOf('\n') + 1;
    const value = reply.slice(start, start + Number(bytes));
    return { value, flags: Number(flags), cas: BigInt(cas ?? -1) };
  }

  async delete(key: string): Promise<'deleted' | 'not-found'> {
    const reply = await this.ask(`md ${key}\r\n`);
    return meaning({ 'HD\r\n': 'deleted', 'NF\r\n': 'not-found' } as const, reply);
  }

  async count(
    how: 'incr' | 'decr',
    key: string,
    delta: bigint,
  ): Promise<bigint | 'not-found' | 'no-number'> {
    const reply = await this.ask(`ma ${key} M${how === 'incr' ? 'I' : 'D'} D${delta} v\r\n`);
    const number = /^VA \d+\r\n(\d+)\r\n$/.exec(reply)?.[1];
    if (number !== undefined) return BigInt(number);
    const noNumber = 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n';
    return meaning({ 'NF\r\n': 'not-found', [noNumber]: 'no-number' } as const, reply);
  }

  async touch(key: string, exptime: number): Promise<'touched' | 'not-found'> {
    const reply = await this.ask(`mg ${key} T${exptime}\r\n`);
    return meaning({ 'HD\r\n': 'touched', 'EN\r\n': 'not-found' } as const, reply);
  }

  async flush(exptime: number): Promise<'ok'> {
    const reply = await this.ask(`flush_all ${exptime} noreply\r\nmn\r\n`);
    return meaning({ 'MN\r\n': 'ok' } as const, reply);
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const reply = await this.ask(`${keys.map((key) => `mg ${key} v k q\r\n`).join('')}mn\r\n`);
    return new Map(
      [...reply.matchAll(/^VA \d+ k(\S+)\r\n(.*)\r\n/gm)].map(([, key, value]) => [key!, value!]),
    );
  }

  async list(): Promise<readonly string[]> {
    const reply = await this.ask('lru_crawler mgdump all\r\n');
    return [...reply.matchAll(/^mg (\S+)(?: (b))?\r$/gm)].map(([, key, encoded]) =>
      encoded === undefined ? key! : Buffer.from(key!, 'base64').toString('latin1'),
    );
  }
}

const BINARY_MODES = { set: 0x01, add: 0x02, replace: 0x03, append: 0x0e, prepend: 0x0f } as const;
const DO_NOT_CREATE = 0xffffffff;

export class BinarySpeaker implements Speaker {
  readonly #port: () => number;

  constructor(port: () => number) {
    this.#port = port;
  }

  async #ask(opcode: number, fields: PacketFields): Promise<Response> {
    const [response] = responses(await exchange(this.#port(), packet(opcode, fields)));
    if (response === undefined) throw new Error('No response');
    return response;
  }

  async store(
    mode: StoreMode,
    key: string,
    value: string,
    more: StoreMore = {},
  ): Promise<StoreOutcome> {
    const joins = mode === 'append' || mode === 'prepend';
    const extras = joins
      ? Buffer.alloc(0)
      : setExtras(more.flags ?? 0, unsigned(more.exptime ?? 0));
    const { status } = await this.#ask(BINARY_MODES[mode], {
      key,
      value,
      extras,
      cas: more.cas ?? 0n,
    });
    // Add and Replace give the reason why they did not store; the text protocol gives only NOT_STORED.
    if (mode !== 'set' && more.cas === undefined && (status === 1 || status === 2))
      return 'not-stored';
    return meaning<StoreOutcome>(
      { 0: 'stored', 1: 'not-found', 2: 'exists', 5: 'not-stored' },
      String(status),
    );
  }

  async get(key: string): Promise<Stored | undefined> {
    const { status, value, extras, cas } = await this.#ask(0x00, { key });
    if (status === 1) return undefined;
    return { value, flags: Buffer.from(extras, 'latin1').readUInt32BE(0), cas };
  }

  async delete(key: string): Promise<'deleted' | 'not-found'> {
    const { status } = await this.#ask(0x04, { key });
    return meaning({ 0: 'deleted', 1: 'not-found' } as const, String(status));
  }

  async count(
    how: 'incr' | 'decr',
    key: string,
    delta: bigint,
  ): Promise<bigint | 'not-found' | 'no-number'> {
    const extras = arithmeticExtras(delta, 0n, DO_NOT_CREATE);
    const { status, value } = await this.#ask(how === 'incr' ? 0x05 : 0x06, { key, extras });
    if (status === 0) return Buffer.from(value, 'latin1').readBigUInt64BE(0);
    return meaning({ 1: 'not-found', 6: 'no-number' } as const, String(status));
  }

  async touch(key: string, exptime: number): Promise<'touched' | 'not-found'> {
    const { status } = await this.#ask(0x1c, { key, extras: exptimeExtras(unsigned(exptime)) });
    return meaning({ 0: 'touched', 1: 'not-found' } as const, String(status));
  }

  async flush(exptime: number): Promise<'ok'> {
    const { status } = await this.#ask(0x08, { extras: exptimeExtras(unsigned(exptime)) });
    return meaning({ 0: 'ok' } as const, String(status));
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const packets = [...keys.map((key) => packet(0x0d, { key })), packet(0x0a)];
    const found = responses(await exchange(this.#port(), Buffer.concat(packets)));
    return new Map(found.slice(0, -1).map(({ key, value }) => [key, value]));
  }

  /** Returns undefined: the protocol has no listing. */
  list(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** The binary protocol has no negative exptime: for an expiry in the past it sends a past time. */
function unsigned(exptime: number): number {
  return exptime < 0 ? 2_592_001 : exptime;
}
