// The plain model of the store, with its past: every change in the order of its seq. It can give the state after any
// prefix of the commit order, and the engine must be equal to that state.

import type * as S from '../../src/store/store.js';

/** An item as a client can see it. */
export interface Entry {
  /** Bytes as latin1. */
  readonly value: string;
  readonly flags: number;
  readonly cas: bigint;
  readonly expiresAt: number;
  readonly stale: boolean;
  readonly won: boolean;
}

interface Version {
  readonly seq: number;
  /** The item after the change; undefined: deleted. */
  readonly entry: Entry | undefined;
  /** The seq of the change that stored the value: a flush removes older ones. A flush for a later time compares `storedMs`. */
  readonly storedSeq: number;
  readonly storedMs: number;
}

interface Flush {
  readonly seq: number;
  readonly atMs: number;
  /** The prefix that is flushed; empty: all keys. */
  readonly prefix: string;
}

/** The item of a key, and the newest change that this answer depends on. */
export interface Known {
  readonly entry: Entry | undefined;
  readonly seq: number;
}

export class History {
  readonly #versions = new Map<string, Version[]>();
  #flushes: Flush[] = [];

  get keys(): string[] {
    return [...this.#versions.keys()];
  }

  /** Records a change. `storedMs`: the time when a new value was stored; undefined: only the item's other fields changed. */
  put(seq: number, key: string, entry: Entry | undefined, storedMs: number | undefined): void {
    const versions = this.#versions.get(key) ?? [];
    const before = versions.at(-1);
    const isNew = storedMs !== undefined || before === undefined;
    const stored = isNew ? { storedSeq: seq, storedMs: storedMs ?? 0 } : before;
    versions.push({ seq, entry, storedSeq: stored.storedSeq, storedMs: stored.storedMs });
    this.#versions.set(key, versions);
  }

  /** Checks whether a later flush, up to `seq`, came due after `fromMs` and by `toMs`, and so removed everything. */
  isDueBy(fromMs: number, toMs: number, seq: number): boolean {
    return this.#flushes.some(
      (flush) => flush.seq <= seq && flush.atMs > fromMs && flush.atMs <= toMs,
    );
  }

  flush(seq: number, atMs: number, prefix = ''): void {
    this.#flushes.push({ seq, atMs, prefix });
  }

  /** Returns the state of a key after all changes up to `upTo`, when the clock shows `nowMs`. */
  at(key: string, nowMs: number, upTo = Infinity): Known {
    const version = this.#versions.get(key)?.findLast((each) => each.seq <= upTo);
    if (version === undefined) return { entry: undefined, seq: 0 };
    const { entry, seq, storedSeq, storedMs } = version;
    if (entry === undefined) return { entry, seq };
    const flush = this.#flushes.find(
      (each) =>
        each.seq <= upTo &&
        key.startsWith(each.prefix) &&
        (each.atMs === 0 ? each.seq > storedSeq : each.atMs <= nowMs && storedMs < each.atMs),
    );
    // From then on the key misses, whatever happens to this version: all versions before are as old.
    if (flush !== undefined) return { entry: undefined, seq: flush.seq };
    const isExpired = entry.expiresAt !== 0 && entry.expiresAt <= nowMs;
    return { entry: isExpired ? undefined : entry, seq };
  }

  /** Returns the last changes of a key as text, for a message. */
  describe(key: string): string {
    const versions = (this.#versions.get(key) ?? []).slice(-3);
    const flushes = this.#flushes
      .slice(-3)
      .map(({ seq, atMs, prefix }) => `flush ${seq} at ${atMs} of '${prefix}'`);
    const changes = versions.map(
      ({ seq, entry, storedSeq }) => `seq ${seq}: ${shown(entry)}, stored by ${storedSeq}`,
    );
    return [...changes, ...flushes].join('; ');
  }

  /** Returns the seqs of all changes in (from, to], sorted. */
  seqsBetween(from: number, to: number): number[] {
    const seqs = new Set<number>();
    for (const versions of this.#versions.values()) for (const { seq } of versions) seqs.add(seq);
    for (const { seq } of this.#flushes) seqs.add(seq);
    return [...seqs].filter((seq) => seq > from && seq <= to).sort((a, b) => a - b);
  }

  /** Removes the changes above `seq`, as if they had never happened. */
  forgetAfter(seq: number): void {
    for (const [key, versions] of this.#versions) {
      this.#versions.set(
        key,
        versions.filter((each) => each.seq <= seq),
      );
    }
    this.#flushes = this.#flushes.filter((each) => each.seq <= seq);
  }

  clone(): History {
    const copy = new History();
    for (const [key, versions] of this.#versions) copy.#versions.set(key, versions.slice());
    copy.#flushes = this.#flushes.slice();
    return copy;
  }
}

/** A promise that the engine broke; the message says which promise and how. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** The store's clock when the reading of all keys began and ended: items that expired meanwhile may be there or not. */
export interface ReadTime {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Returns the prefixes of the commit order, from `minSeq` to `maxSeq`, that are equal to the store found after a crash.
 * When there is none, throws a Violation that compares the nearest prefix (oracles O1 and O2). `mayVanish`: keys may be
 * missing, because the engine evicts.
 */
export function matchingPrefixes(
  history: History,
  found: ReadonlyMap<string, Entry>,
  readMs: ReadTime,
  range: { readonly minSeq: number; readonly maxSeq: number },
  mayVanish: boolean,
): number[] {
  const candidates = [range.minSeq, ...history.seqsBetween(range.minSeq, range.maxSeq)];
  let nearest: string[] | undefined;
  const matching = candidates.filter((seq) => {
    const differences = differencesAt(history, found, readMs, seq, mayVanish);
    if (nearest === undefined || differences.length < nearest.length) nearest = differences;
    return differences.length === 0;
  });
  if (matching.length > 0) return matching;
  throw new Violation(
    `The store is no prefix of the commit order between seq ${range.minSeq} and ${range.maxSeq}: ` +
      (nearest ?? []).slice(0, 4).join('; '),
  );
}

function differencesAt(
  history: History,
  found: ReadonlyMap<string, Entry>,
  { fromMs, toMs }: ReadTime,
  seq: number,
  mayVanish: boolean,
): string[] {
  const differences: string[] = [];
  for (const key of new Set([...history.keys, ...found.keys()])) {
    const expected = history.at(key, toMs, seq).entry;
    const actual = found.get(key);
    if (actual === undefined && mayVanish) continue;
    const before = history.at(key, fromMs, seq).entry;
    if (!isSameEntry(expected, actual) && !isSameEntry(before, actual)) {
      differences.push(
        `${key} at seq ${seq} is ${shown(actual)} instead of ${shown(expected)} [${history.describe(key)}]`,
      );
    }
  }
  return differences;
}

/** Returns the entry of an item. The value must be read at once: it may be a view that is valid for one turn. */
export async function entryOf(item: S.Item): Promise<Entry> {
  const { flags, cas, expiresAt, stale, won } = item;
  const { value } = item;
  if (Buffer.isBuffer(value)) {
    return { value: value.toString('latin1'), flags, cas, expiresAt, stale, won };
  }
  const bytes = Buffer.alloc(value.bytes);
  const count = await value.read(bytes, 0);
  value.release();
  return { value: bytes.toString('latin1', 0, count), flags, cas, expiresAt, stale, won };
}

export function isSameEntry(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.value === b.value &&
    a.flags === b.flags &&
    a.cas === b.cas &&
    a.expiresAt === b.expiresAt &&
    a.stale === b.stale &&
    a.won === b.won
  );
}

export function shown(entry: Entry | undefined): string {
  if (entry === undefined) return 'missing';
  const { value, flags, cas, expiresAt, stale, won } = entry;
  const start = JSON.stringify(value.slice(0, 12));
  const marks = `${stale ? ' stale' : ''}${won ? ' won' : ''}`;
  return `${start} of ${value.length} B flags ${flags} cas ${cas} expires ${expiresAt}${marks}`;
}
