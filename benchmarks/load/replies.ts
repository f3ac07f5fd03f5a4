// Counts replies by their first byte and their known length instead of parsing them.
// Invariant: a reply that is neither of known length nor one line throws, because a generator that is out of step
// with its server must not go on counting.

import { KEY_BYTES } from './requests.js';
import type { Protocol } from './spec.js';

const LF = 10;

export interface ReplyCounter {
  /** Gets that found nothing, and replies that are errors, so far. */
  readonly misses: number;
  readonly errors: number;
  /** Takes the next `length` received bytes; returns how many replies ended in them. */
  feed(chunk: Uint8Array, length: number): number;
}

/** The kind of reply that a first byte stands for: of fixed length, or a line of any length. */
interface Kind {
  readonly bytes: number | undefined;
  readonly outcome: 'ok' | 'miss' | 'error';
}

function code(letter: string): number {
  return letter.charCodeAt(0);
}

/** Distinguishes replies by their first byte and, where that is not enough (`SERVER_ERROR`), by the second. */
class LineCounter implements ReplyCounter {
  misses = 0;
  errors = 0;
  readonly #kindOf: (first: number, second: number) => Kind;
  #first = -1;
  /** Bytes of the present reply that are still to come; -1: up to the line end; -2: its kind is not known yet. */
  #left = -2;

  constructor(kindOf: (first: number, second: number) => Kind) {
    this.#kindOf = kindOf;
  }

  #begin(first: number, second: number): void {
    const kind = this.#kindOf(first, second);
    if (kind.outcome === 'miss') this.misses++;
    else if (kind.outcome === 'error') this.errors++;
    this.#left = kind.bytes === undefined ? -1 : kind.bytes - 2;
  }

  feed(chunk: Uint8Array, length: number): number {
    let ended = 0;
    let at = 0;
    while (at < length) {
      if (this.#left === -2) {
        if (this.#first === -1) {
          this.#first = chunk[at++]!;
          continue;
        }
        this.#begin(this.#first, chunk[at++]!);
        this.#first = -1;
        continue;
      }
      if (this.#left === -1) {
        const end = chunk.indexOf(LF, at);
        if (end === -1 || end >= length) return ended;
        at = end + 1;
      } else {
        const taken = Math.min(this.#left, length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left > 0) return ended;
        if (chunk[at - 1] !== LF) throw new Error('a reply does not end where it should');
      }
      this.#left = -2;
      ended++;
    }
    return ended;
  }
}

function memcachedKind(valueBytes: number): (first: number, second: number) => Kind {
  const hitBytes = `VALUE  0 ${valueBytes}\r\n\r\nEND\r\n`.length + KEY_BYTES + valueBytes;
  const hit: Kind = { bytes: hitBytes, outcome: 'ok' };
  const miss: Kind = { bytes: 'END\r\n'.length, outcome: 'miss' };
  const stored: Kind = { bytes: 'STORED\r\n'.length, outcome: 'ok' };
  const error: Kind = { bytes: undefined, outcome: 'error' };
  return (first, second) => {
    if (first === code('V')) return hit;
    if (first === code('S') && second === code('T')) return stored;
    if (first === code('E') && second === code('N')) return miss;
    return error;
  };
}

function redisKind(valueBytes: number): (first: number, second: number) => Kind {
  const hit: Kind = { bytes: `$${valueBytes}\r\n\r\n`.length + valueBytes, outcome: 'ok' };
  const miss: Kind = { bytes: '$-1\r\n'.length, outcome: 'miss' };
  const ok: Kind = { bytes: '+OK\r\n'.length, outcome: 'ok' };
  const error: Kind = { bytes: undefined, outcome: 'error' };
  return (first, second) => {
    if (first === code('$')) return second === code('-') ? miss : hit;
    return first === code('+') ? ok : error;
  };
}

/** Counts HTTP replies with a Content-Length. Only etcd speaks HTTP, and it is slow enough for strings. */
class HttpCounter implements ReplyCounter {
  misses = 0;
  errors = 0;
  #text = '';

  feed(chunk: Uint8Array, length: number): number {
    this.#text += Buffer.from(chunk.buffer, chunk.byteOffset, length).toString('latin1');
    let ended = 0;
    for (;;) {
      const headEnd = this.#text.indexOf('\r\n\r\n');
      if (headEnd === -1) return ended;
      const head = this.#text.slice(0, headEnd);
      const bodyBytes = /content-length: (\d+)/i.exec(head)?.[1];
      if (bodyBytes === undefined) throw new Error(`a reply without a length: ${head}`);
      const end = headEnd + 4 + Number(bodyBytes);
      if (this.#text.length < end) return ended;
      if (!head.startsWith('HTTP/1.1 200')) this.errors++;
      this.#text = this.#text.slice(end);
      ended++;
    }
  }
}

export function replyCounter(protocol: Protocol, valueBytes: number): ReplyCounter {
  if (protocol === 'etcd') return new HttpCounter();
  return new LineCounter((protocol === 'redis' ? redisKind : memcachedKind)(valueBytes));
}
