// A small, honest Store in memory for tests of the server and of the conformance suite. It has memcached's semantics with
// expiry and flushes, and commits that the test holds back, releases or makes fail. It keeps no log.
// Invariants: an entry is never changed, only replaced, so that a failed commit is undone by putting the old ones back;
// `after` is a seq above the watermark or 0.

import type { Durability } from '../../src/log/durability.js';
import { assert } from '../../src/assert.js';
import { INLINE_VALUE_BYTES_MAX, VALUE_BYTES_LIMIT } from '../../src/limits.js';
import type * as S from '../../src/store/store.js';
import { HeldCommits } from './held-commits.js';
import { addDelta, parseNumber } from './decimal.js';

interface Entry {
  readonly value: Buffer;
  readonly flags: number;
  readonly cas: bigint;
  readonly expiresAt: number;
  /** The seq of the last record that stored a value: a flush drops every item that is older than the flush. */
  readonly storedSeq: number;
  /** The time of that record: a flush for a later time drops every item that is older than this time. */
  readonly storedMs: number;
  readonly fetched: boolean;
  readonly usedAtMs: number;
  readonly stale: boolean;
  readonly won: boolean;
}

export interface MemoryStoreOptions {
  /** Commits happen only when the test says so (`commits.release()`); otherwise they happen after each turn of the loop. */
  readonly held?: boolean;
  readonly nowMs?: () => number;
  /** Values longer than this are answered as LargeValue. */
  readonly inlineBytes?: number;
  /** Longer values, also after an append, are refused as `too-large`. */
  readonly valueBytesMax?: number;
  /** Lookups for which this returns true settle in a later turn, as if read from the disk. */
  readonly slow?: (key: string) => boolean;
}

export class MemoryStore implements S.LocalStore {
  readonly commits: HeldCommits;
  /** Keys whose value is answered as damaged. */
  readonly damaged = new Set<string>();
  readonly #options: MemoryStoreOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #changedSeq = new Map<string, number>();
  #flushes: { seq: number; atMs: number }[] = [];
  readonly #large = new Map<number, Buffer>();
  #largeIds = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#options = options;
    this.commits = new HeldCommits(options.held ?? false);
  }

  readonly clockAheadMs = 0;
  readonly appliesInCallOrder = false;
  readonly segments = (): readonly S.SegmentView[] => [];
  readonly changeLog = undefined;

  nowMs(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }

  get durability(): Durability {
    return this.commits;
  }

  onEvicted(): void {}

  get(key: S.Key, options: S.ReadOptions = {}, start = 0, end = key.length): S.Maybe<S.Lookup> {
    const name = key.toString('latin1', start, end);
    const lookup = this.#lookup(name, options);
    if (this.#options.slow?.(name) !== true) return lookup;
    return new Promise((resolve) => void setImmediate(() => resolve(lookup)));
  }

  put(put: S.Put): S.PutOutcome {
    const name = nameOf(put);
    const value = this.#bytesOf(put);
    const old = this.#live(name);
    const refused = this.#refusal(put, old, name);
    if (refused !== undefined) return { ...refused, valueBytes: value.length };
    const joins = put.mode === 'append' || put.mode === 'prepend';
    const base = joins ? old : undefined;
    const joined = base === undefined ? value : joinValues(put.mode, base.value, value);
    if (joined.length > (this.#options.valueBytesMax ?? VALUE_BYTES_LIMIT)) {
      return { status: 'too-large', after: this.#afterOf(name), cas: 0n, valueBytes: value.length };
    }
    const seq = this.commits.next();
    const created = joins ? (put.vivifyExpiresAt ?? 0) : put.expiresAt;
    const replaced = old !== undefined && isStalePut(put, old.cas) ? old : undefined;
    const entry: Entry = {
      value: joined,
      flags: base?.flags ?? put.flags,
      cas: put.chosenCas ?? BigInt(seq),
      expiresAt: (base ?? replaced)?.expiresAt ?? created,
      storedSeq: seq,
      storedMs: this.nowMs(),
      fetched: false,
      usedAtMs: this.nowMs(),
      stale: replaced !== undefined,
      won: replaced?.won ?? false,
    };
    this.#set(name, entry, seq);
    return { status: 'stored', after: seq, cas: entry.cas, valueBytes: joined.length };
  }

  arithmetic(change: S.Arithmetic): S.ArithmeticOutcome {
    const name = nameOf(change);
    const old = this.#live(name);
    const none = { cas: 0n, number: 0n, expiresAt: 0, expiresAtBefore: 0 };
    if (old === undefined) {
      if (change.create === undefined) {
        return { status: 'not-found', after: this.#afterOf(name), ...none };
      }
      const { value, expiresAt } = change.create;
      const text = Buffer.from(value.toString());
      const put = this.put({
        mode: 'set',
        key: Buffer.from(name, 'latin1'),
        value: text,
        flags: 0,
        expiresAt,
        chosenCas: change.chosenCas,
      });
      const { status, after, cas } = put;
      return { status, after, cas, number: value, expiresAt, expiresAtBefore: 0, created: true };
    }
    if (old.value.length === 0) {
      return { status: 'not-a-number', after: this.#afterOf(name), ...none };
    }
    if (change.compareCas !== undefined && change.compareCas !== old.cas) {
      return { status: 'exists', after: this.#afterOf(name), ...none, cas: old.cas };
    }
    const current = parseNumber(old.value);
    if (current === undefined) {
      return { status: 'not-a-number', after: this.#afterOf(name), ...none };
    }
    const number = addDelta(current, change.delta, change.direction);
    const seq = this.commits.next();
    const cas = change.chosenCas ?? BigInt(seq);
    const expiresAt = change.expiresAt ?? old.expiresAt;
    const value = Buffer.from(number.toString().padEnd(old.value.length));
    this.#set(name, { ...old, value, cas, expiresAt, storedSeq: seq, storedMs: this.nowMs() }, seq);
    const expiresAtBefore = old.expiresAt;
    return { status: 'stored', after: seq, cas, number, expiresAt, expiresAtBefore };
  }

  touch(key: S.Key, expiresAt: number, start = 0, end = key.length): S.Outcome {
    const name = key.toString('latin1', start, end);
    const old = this.#live(name);
    if (old === undefined) return { status: 'not-found', after: this.#afterOf(name), cas: 0n };
    const seq = this.commits.next();
    this.#set(name, { ...old, expiresAt, fetched: true, usedAtMs: this.nowMs() }, seq);
    return { status: 'touched', after: seq, cas: old.cas };
  }

  delete(change: S.Delete): S.Outcome {
    const name = nameOf(change);
    const old = this.#live(name);
    if (old === undefined) return { status: 'not-found', after: this.#afterOf(name), cas: 0n };
    if (change.compareCas !== undefined && change.compareCas !== old.cas) {
      return { status: 'exists', after: this.#afterOf(name), cas: old.cas };
    }
    const seq = this.commits.next();
    if (change.invalidate !== true && change.dropValue !== true) {
      this.#set(name, undefined, seq);
      return { status: 'deleted', after: seq, cas: 0n };
    }
    const kept = change.dropValue === true ? { ...old, value: Buffer.alloc(0), flags: 0 } : old;
    const cas = change.chosenCas ?? BigInt(seq);
    const stale = change.invalidate === true || old.stale;
    const won = change.invalidate === true ? false : old.won;
    const expiresAt = change.expiresAt ?? old.expiresAt;
    this.#set(name, { ...kept, cas, stale, won, expiresAt }, seq);
    return { status: 'deleted', after: seq, cas };
  }

  flush(atMs: number): S.Outcome {
    const flush = { seq: this.commits.next(), atMs };
    this.#flushes.push(flush);
    this.commits.onUndo(() => (this.#flushes = this.#flushes.filter((one) => one !== flush)));
    return { status: 'ok', after: flush.seq, cas: 0n };
  }

  deletePrefix(prefix: Buffer): S.Outcome {
    const start = prefix.toString('latin1');
    const seq = this.commits.next();
    for (const name of this.#entries.keys()) {
      if (name.startsWith(start)) this.#set(name, undefined, seq);
    }
    return { status: 'ok', after: seq, cas: 0n };
  }

  resizeCache(): void {}
  resizeStore(): void {}

  openLargeValue(): Promise<S.LargeValueWriter> {
    const pieces: Buffer[] = [];
    return Promise.resolve({
      write: async (piece: Buffer) => void pieces.push(Buffer.from(piece)),
      finish: async () => {
        const value = Buffer.concat(pieces);
        this.#large.set(++this.#largeIds, value);
        return { largeValueId: this.#largeIds, bytes: value.length };
      },
      abort: async () => void pieces.splice(0),
    });
  }

  list(cursor: number, limit: number): S.ListPage {
    const names = [...this.#entries.keys()];
    const page = names.slice(cursor, cursor + limit);
    const entries = page.flatMap((name): S.Listed[] => {
      const entry = this.#live(name);
      if (entry === undefined) return [];
      const { cas, expiresAt, fetched, usedAtMs, value } = entry;
      const lastUsedSeconds = Math.floor(usedAtMs / 1000);
      const key = Buffer.from(name, 'latin1');
      return [{ key, cas, expiresAt, fetched, lastUsedSeconds, bytes: name.length + value.length }];
    });
    return { entries, cursor: cursor + limit < names.length ? cursor + limit : 0 };
  }

  stats(): ReadonlyMap<string, number | string> {
    const live = [...this.#entries.keys()].filter((name) => this.#live(name) !== undefined);
    return new Map([['curr_items', live.length]]);
  }

  resetStats(): void {}

  compact(): Promise<S.CompactionReport> {
    return Promise.resolve({
      segmentsBefore: 1,
      segmentsAfter: 1,
      bytesBefore: 0,
      bytesAfter: 0,
      liveBytes: 0,
    });
  }

  snapshot(path = 'memory'): Promise<S.SnapshotReport> {
    return Promise.resolve({
      path,
      seq: this.durability.watermark,
      count: this.#entries.size,
      bytes: 0,
    });
  }

  close(): Promise<void> {
    this.commits.release();
    return Promise.resolve();
  }

  #lookup(name: string, options: S.ReadOptions): S.Lookup {
    if (this.damaged.has(name)) return { kind: 'damaged', after: 0 };
    const entry = this.#live(name);
    const nowMs = this.nowMs();
    if (entry === undefined) {
      if (options.vivifyExpiresAt === undefined) {
        return { kind: 'miss', reason: this.#missReason(name), after: this.#afterOf(name) };
      }
      const { vivifyExpiresAt: expiresAt, chosenCas } = options;
      const seq = this.commits.next();
      const cas = chosenCas ?? BigInt(seq);
      const made = {
        value: Buffer.alloc(0),
        flags: 0,
        cas,
        expiresAt,
        storedSeq: seq,
        storedMs: nowMs,
      };
      const marks = { fetched: options.quiet !== true, usedAtMs: nowMs, stale: false, won: true };
      this.#set(name, { ...made, ...marks }, seq);
      const seen = { fetched: false, idleSeconds: 0, won: false, wins: true, created: true };
      const item = { ...made, ...marks, ...seen, ...placed(made.value) };
      return { kind: 'hit', item, after: seq };
    }
    const end = (options.recachesLast === true ? options.expiresAt : undefined) ?? entry.expiresAt;
    const secondsLeft = Math.ceil((end - nowMs) / 1000);
    const isShort = end > 0 && secondsLeft * 1000 < (options.recacheMs ?? 0);
    const wins = options.win === true && !entry.won && (entry.stale || isShort);
    const used = options.quiet === true ? {} : { fetched: true, usedAtMs: nowMs };
    const expiresAt = options.expiresAt ?? entry.expiresAt;
    const next = { ...entry, ...used, expiresAt, won: entry.won || wins };
    if (wins || options.expiresAt !== undefined) this.#set(name, next, this.commits.next());
    else this.#entries.set(name, next);
    const idleSeconds = Math.floor((nowMs - entry.usedAtMs) / 1000);
    const value = this.#valueOf(entry.value);
    const item = { ...entry, value, ...placed(value), wins, idleSeconds, created: false };
    return { kind: 'hit', item, after: this.#afterOf(name) };
  }

  /** Returns why `put` may not store, or undefined when it may. */
  #refusal(put: S.Put, old: Entry | undefined, name: string): S.Outcome | undefined {
    const after = this.#afterOf(name);
    const { mode, compareCas } = put;
    if (old !== undefined) {
      if (mode === 'add') return { status: 'not-stored', after, cas: old.cas };
      const isRight = compareCas === undefined || compareCas === old.cas;
      return isRight || isStalePut(put, old.cas)
        ? undefined
        : { status: 'exists', after, cas: old.cas };
    }
    if (mode === 'add') return undefined;
    const isSet = mode === 'set' || mode === 'replace';
    if (isSet && compareCas !== undefined) return { status: 'not-found', after, cas: 0n };
    const creates = mode === 'set' || (!isSet && put.vivifyExpiresAt !== undefined);
    return creates ? undefined : { status: 'not-stored', after, cas: 0n };
  }

  #live(name: string): Entry | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    return this.#isExpired(entry) || this.#flushOf(entry) !== undefined ? undefined : entry;
  }

  #isExpired(entry: Entry): boolean {
    return entry.expiresAt !== 0 && entry.expiresAt <= this.nowMs();
  }

  #flushOf(entry: Entry): { seq: number } | undefined {
    const nowMs = this.nowMs();
    return this.#flushes.find(({ seq, atMs }) =>
      atMs === 0 ? seq > entry.storedSeq : atMs <= nowMs && entry.storedMs < atMs,
    );
  }

  #missReason(name: string): S.MissReason {
    const entry = this.#entries.get(name);
    if (entry === undefined) return 'absent';
    return this.#flushOf(entry) === undefined ? 'expired' : 'flushed';
  }

  #afterOf(name: string): number {
    const entry = this.#entries.get(name);
    const flushed = entry === undefined ? 0 : (this.#flushOf(entry)?.seq ?? 0);
    const seq = Math.max(this.#changedSeq.get(name) ?? 0, flushed);
    return seq > this.durability.watermark ? seq : 0;
  }

  #set(name: string, entry: Entry | undefined, seq: number): void {
    const before = this.#entries.get(name);
    const changedSeq = this.#changedSeq.get(name) ?? 0;
    this.commits.onUndo(() => {
      this.#replace(name, before);
      this.#changedSeq.set(name, changedSeq);
    });
    this.#replace(name, entry);
    this.#changedSeq.set(name, seq);
  }

  #replace(name: string, entry: Entry | undefined): void {
    if (entry === undefined) this.#entries.delete(name);
    else this.#entries.set(name, entry);
  }

  #bytesOf({ value, valueStart, valueEnd }: S.Put): Buffer {
    if (Buffer.isBuffer(value)) return Buffer.from(value.subarray(valueStart, valueEnd));
    const large = this.#large.get(value.largeValueId);
    assert(large !== undefined, 'The handle is of this store and unused');
    this.#large.delete(value.largeValueId);
    return large;
  }

  #valueOf(value: Buffer): S.Value {
    if (value.length <= (this.#options.inlineBytes ?? INLINE_VALUE_BYTES_MAX)) return value;
    return {
      bytes: value.length,
      read: async (target, position) => value.copy(target, 0, position),
      release: () => undefined,
    };
  }
}

/** memcached's rule for a stale put: it is a set with a lower token and meta flag I. */
function isStalePut({ mode, invalidate, compareCas = 0n }: S.Put, cas: bigint): boolean {
  const isSet = mode === 'set' || mode === 'replace';
  return isSet && invalidate === true && compareCas !== 0n && compareCas < cas;
}

function joinValues(mode: S.PutMode, old: Buffer, added: Buffer): Buffer {
  return Buffer.concat(mode === 'append' ? [old, added] : [added, old]);
}

/** Returns where an item's value lies. */
function placed(
  value: S.Value,
): Pick<S.Item, 'source' | 'words' | 'start' | 'valueBytes' | 'isLasting'> {
  const source = Buffer.isBuffer(value) ? value : undefined;
  const valueBytes = Buffer.isBuffer(value) ? value.length : value.bytes;
  return { source, words: undefined, start: 0, valueBytes, isLasting: true };
}

function nameOf({ key, keyStart, keyEnd }: S.KeyPlace): string {
  return key.toString('latin1', keyStart, keyEnd);
}
