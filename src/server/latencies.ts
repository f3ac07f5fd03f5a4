// Latencies of requests, by command: from the arrival of their last bytes to the hand-over of their reply to the socket.
// Made only when metrics are served; plain numbers, no object for a request.
//
// Invariants:
// - A reply that waits for the disk, for a value or for the replies before it is timed until it leaves.
// - What has no reply (noreply, quiet) is timed until those before it have left. Errors that replace a reply after a
//   failed commit are not timed.

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

/** Where each command is in COMMANDS. */
const PLACE = Object.fromEntries(COMMANDS.map((command, at) => [command, at])) as Readonly<
  Record<Command, number>
>;
/** Replies of one section that are timed; those behind are not. */
const TIMED_MAX = 16_384;
/** Longer columns are given up when the last reply has gone. */
const KEPT_MAX = 256;
/** The end of a reply whose length is not known yet: that of its section. */
export const SECTION_END = Number.MAX_SAFE_INTEGER;

export class Latencies {
  readonly #clock: Clock;
  /** By the place in COMMANDS. */
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

/** No look-up by name for the most frequent ones. */
const { get: GET, gat: GAT, set: SET } = PLACE;

/** The place in COMMANDS; -1: a part of a request, whose end is still to come. */
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

/** A value that comes in pieces is timed with its end. */
function ofPut({ mode, value, compareCas }: PutRequest): number {
  if (value === undefined) return -1;
  if (compareCas !== undefined) return PLACE.cas;
  return mode === 'set' ? SET : PLACE[mode];
}

/**
 * The replies of one section that have not left yet, in columns: where each ends, its command, when its bytes came. Equal ones
 * that leave together are one entry with a count.
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

  /** `isFree`: nothing before it in the section waits for the disk, so that it leaves with the one before. */
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

  /** The first `bytes` of the section have left; `isWhole`: it is done with. */
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
