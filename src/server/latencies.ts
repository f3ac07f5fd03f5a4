// Latencies of requests, by command: from the arrival of the last bytes to the hand-over of the reply to the socket.
// They exist only when metrics are served, and are plain numbers without an object per request.
//
// Invariants:
// - A reply that waits for the disk, for a value or for earlier replies is timed until it leaves.
// - A request without a reply (noreply, quiet) is timed until the earlier replies have left. Errors that replace a
//   reply after a failed commit are not timed.

import { Histogram, SECONDS_BOUNDS } from '../histogram.js';
import type { Clock } from '../env/env.js';
import type { Parsed } from '../protocol/parser.js';
import type { PutRequest } from '../protocol/request.js';

export const COMMANDS = [
  'get',
  'gat',
  'set',
  'add',
  'replace',
  'append',
  'prepend',
  'cas',
  'delete',
  'incr',
  'decr',
  'touch',
  'flush_all',
  'other',
] as const;

type Command = (typeof COMMANDS)[number];

/** The place of each command in COMMANDS. */
const PLACE = Object.fromEntries(COMMANDS.map((command, at) => [command, at])) as Readonly<
  Record<Command, number>
>;
/** At most this many replies of one section are timed; the replies behind them are not. */
const TIMED_MAX = 16_384;
/** Longer columns are given up when the last reply has left. */
const KEPT_MAX = 256;
/** Stands for the end of a reply of unknown length: the reply ends with its section. */
export const SECTION_END = Number.MAX_SAFE_INTEGER;

export class Latencies {
  readonly #clock: Clock;
  /** The histograms by the place in COMMANDS. */
  readonly ofCommand = COMMANDS.map(() => new Histogram(SECONDS_BOUNDS));

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  observe(command: number, ms: number, times = 1): void {
    this.ofCommand[command]!.observe(ms / 1000, times);
  }
}

/** The most frequent commands need no look-up by name. */
const { get: GET, gat: GAT, set: SET } = PLACE;

/** Returns the place in COMMANDS; -1 for a part of a request whose end is still to come. */
export function commandOf(parsed: Parsed): number {
  switch (parsed.kind) {
    case 'get':
      if (!parsed.last) return -1;
      return parsed.touchExptime === undefined ? GET : GAT;
    case 'put':
      return ofPut(parsed);
    case 'value-end':
      return PLACE.set;
    case 'delete':
    case 'touch':
      return PLACE[parsed.kind];
    case 'arithmetic':
      return PLACE[parsed.direction];
    case 'flush':
      return PLACE.flush_all;
    case 'need-more':
    case 'value-piece':
    case 'close':
      return -1;
    default:
      return PLACE.other;
  }
}

/** Returns the place of a put. The put of a value in pieces is timed at the end of the value instead. */
function ofPut({ mode, value, compareCas }: PutRequest): number {
  if (value === undefined) return -1;
  if (compareCas !== undefined) return PLACE.cas;
  return mode === 'set' ? SET : PLACE[mode];
}

/**
 * The timings of one section's replies that have not left yet, in columns: the end of each reply, its command and the
 * arrival of its request. Equal replies that leave together are one entry with a count.
 */
export class ReplyTimings {
  readonly #latencies: Latencies;
  #ends: number[] = [];
  #commands: number[] = [];
  #arrivals: number[] = [];
  #counts: number[] = [];
  #first = 0;
  #end = 0;

  constructor(latencies: Latencies) {
    this.#latencies = latencies;
  }

  /** Adds a reply. `isFree`: nothing before it in the section waits for the disk, so it leaves with the one before. */
  add(end: number, command: number, arrivedMs: number, isFree: boolean): void {
    const at = this.#end;
    const last = at - 1;
    const isLike = this.#commands[last] === command && this.#arrivals[last] === arrivedMs;
    if (isFree && last >= this.#first && isLike) {
      this.#ends[last] = end;
      this.#counts[last]! += 1;
      return;
    }
    if (at - this.#first >= TIMED_MAX) return;
    this.#ends[at] = end;
    this.#commands[at] = command;
    this.#arrivals[at] = arrivedMs;
    this.#counts[at] = 1;
    this.#end += 1;
  }

  /** Times the replies in the first `bytes` of the section, which have left. `isWhole`: the whole section has left. */
  handOver(bytes: number, isWhole: boolean): void {
    if (this.#first === this.#end) return;
    const nowMs = this.#latencies.nowMs();
    const endMax = isWhole ? SECTION_END : bytes;
    while (this.#first < this.#end && this.#ends[this.#first]! <= endMax) {
      const at = this.#first;
      const ms = nowMs - this.#arrivals[at]!;
      this.#latencies.observe(this.#commands[at]!, ms, this.#counts[at]);
      this.#first += 1;
    }
    if (this.#first === this.#end) {
      this.clear();
    } else if (bytes > 0) {
      for (let at = this.#first; at < this.#end; at += 1) {
        if (this.#ends[at] !== SECTION_END) this.#ends[at]! -= bytes;
      }
    }
  }

  clear(): void {
    this.#first = this.#end = 0;
    if (this.#ends.length <= KEPT_MAX) return;
    this.#ends = [];
    this.#commands = [];
    this.#arrivals = [];
    this.#counts = [];
  }
}
