// Random commands: what clients do to a store in a simulation, as plain data that a replay can print.

import type { SeededRandom } from '../../tools/torture/seeded-random.js';

/** `bytes`: the size of the value; `ttlMs` 0: it never expires. `large`: a set of a streamed value. */
export interface PutCommand {
  readonly do: 'set' | 'add' | 'replace' | 'append' | 'prepend' | 'large';
  readonly key: string;
  readonly bytes: number;
  readonly flags: number;
  readonly ttlMs: number;
}

/** A set whose value holds batches like those of a segment (forgery.ts). */
interface ForgeCommand {
  readonly do: 'forge';
  readonly key: string;
  readonly bytes: number;
}

/** Compares with the right token, or with a wrong one. */
export interface CasCommand {
  readonly do: 'cas';
  readonly key: string;
  readonly bytes: number;
  readonly right: boolean;
}

export interface ArithmeticCommand {
  readonly do: 'incr' | 'decr';
  readonly key: string;
  readonly delta: bigint;
}

/** Only `gat` has a `ttlMs`; `win` is a meta read. */
export interface GetCommand {
  readonly do: 'get' | 'gat' | 'win';
  readonly key: string;
  readonly ttlMs?: number;
}

export interface TouchCommand {
  readonly do: 'touch';
  readonly key: string;
  readonly ttlMs: number;
}

export interface DeleteCommand {
  readonly do: 'delete' | 'invalidate';
  readonly key: string;
}

export type Command =
  | PutCommand
  | ForgeCommand
  | CasCommand
  | ArithmeticCommand
  | GetCommand
  | TouchCommand
  | DeleteCommand
  | { readonly do: 'flush'; readonly delayMs: number }
  | { readonly do: 'deletePrefix'; readonly prefix: string }
  | { readonly do: 'durable' | 'compact' | 'snapshot' }
  /** `jump`: the machine's time of day is set. */
  | { readonly do: 'sleep' | 'jump'; readonly ms: number };

/** The frequency of each kind of command, and the sizes: both are drawn once per run, so that runs differ. */
export interface WorkloadShape {
  readonly weights: Readonly<Partial<Record<Command['do'], number>>>;
  readonly keys: readonly string[];
  readonly valueBytesMax: number;
  readonly largeBytes: number;
}

const WEIGHTS: Record<Command['do'], number> = {
  set: 30,
  add: 4,
  replace: 4,
  append: 5,
  prepend: 3,
  large: 0.3,
  cas: 6,
  incr: 6,
  decr: 3,
  touch: 4,
  gat: 3,
  get: 15,
  win: 2,
  delete: 8,
  invalidate: 2,
  flush: 1,
  durable: 10,
  compact: 1.5,
  snapshot: 0.5,
  sleep: 4,
  jump: 1,
  forge: 0.5,
  deletePrefix: 2,
};

const KINDS = Object.keys(WEIGHTS) as Command['do'][];

/** Draws a shape: some kinds of command off, others frequent (swarm testing). */
export function drawShape(random: SeededRandom): WorkloadShape {
  const weights: Partial<Record<Command['do'], number>> = {};
  for (const [name, weight] of Object.entries(WEIGHTS)) {
    const factor = random.pick([0, 1, 1, 1, 3]);
    weights[name as Command['do']] = name === 'set' ? weight : weight * factor;
  }
  const keys = Array.from({ length: random.between(2, 12) }, (_, at) => `k${at}`);
  return {
    weights,
    keys,
    valueBytesMax: random.pick([10, 100, 100, 1000, 6000]),
    largeBytes: random.pick([1_048_577, 1_300_000]),
  };
}

export function drawCommands(random: SeededRandom, shape: WorkloadShape, count: number): Command[] {
  return Array.from({ length: count }, () => drawCommand(random, shape));
}

function drawCommand(random: SeededRandom, shape: WorkloadShape): Command {
  const kind = drawKind(random, shape);
  const key = random.pick(shape.keys);
  const bytes = random.chance(0.1) ? 0 : random.below(shape.valueBytesMax);
  const ttlMs = random.pick([0, 0, 0, 50, 2000, 3_600_000]);
  switch (kind) {
    case 'set':
    case 'add':
    case 'replace':
    case 'append':
    case 'prepend':
      return { do: kind, key, bytes, flags: random.next32(), ttlMs };
    case 'large':
      return { do: kind, key, bytes: shape.largeBytes, flags: random.next32(), ttlMs };
    case 'cas':
      return { do: kind, key, bytes, right: random.chance(0.7) };
    case 'incr':
    case 'decr':
      return { do: kind, key, delta: BigInt(random.below(1000)) };
    case 'touch':
    case 'gat':
      return { do: kind, key, ttlMs };
    case 'flush':
      return { do: kind, delayMs: random.pick([0, 0, 500, 5000]) };
    case 'deletePrefix':
      return { do: kind, prefix: key.slice(0, random.pick([1, 2, 3])) };
    case 'sleep':
      return { do: kind, ms: random.pick([1, 10, 100, 1500, 60_000]) };
    case 'jump':
      return { do: kind, ms: random.pick([-172_800_000, -7_200_000, -3000, 3000, 86_400_000]) };
    case 'forge':
      return { do: kind, key, bytes: 2000 };
    case 'durable':
    case 'compact':
    case 'snapshot':
      return { do: kind };
    default:
      return { do: kind, key };
  }
}

function drawKind(random: SeededRandom, { weights }: WorkloadShape): Command['do'] {
  let left = random.fraction() * KINDS.reduce((sum, kind) => sum + (weights[kind] ?? 0), 0);
  for (const kind of KINDS) {
    left -= weights[kind] ?? 0;
    if (left < 0) return kind;
  }
  return 'set';
}

/** Returns a command as text, for a message. */
export function commandText(command: Command): string {
  return JSON.stringify(command, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
