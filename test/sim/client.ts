// A client that knows what every answer must be. It runs one command after the other, without waiting for the disk,
// compares each answer with the history, and checks that no answer comes before what it depends on is durable (O2).

import { isKvError } from '../../src/errors.js';
import type * as S from '../../src/store/store.js';
import { allDurable } from './all-durable.js';
import { forgedValue } from './forgery.js';
import {
  History,
  Violation,
  entryOf,
  isSameEntry,
  shown,
  type Entry,
  type Known,
} from './history.js';
import { kept, keptOutcome } from '../support/kept-lookup.js';
import {
  EXCUSED,
  UNCHANGED,
  arithmeticStatus,
  changed,
  parseNumber,
  touchedBy,
} from './semantics.js';
import type { SimProcess } from './sim-world.js';
import { commandText } from './workload.js';
import type {
  ArithmeticCommand,
  CasCommand,
  Command,
  DeleteCommand,
  GetCommand,
  PutCommand,
  TouchCommand,
} from './workload.js';

interface ClientOptions {
  /** Faults are on: commands may be refused. */
  readonly mayFail: boolean;
  /** The engine evicts: items may vanish. */
  readonly mayVanish: boolean;
}

export class Client {
  readonly store: S.LocalStore;
  readonly history: History;
  readonly #process: SimProcess;
  readonly #options: ClientOptions;
  readonly #numbers: { next: number };
  isPoisoned = false;

  /** `numbers` makes values unique, over restarts too. */
  constructor(
    process: SimProcess,
    store: S.LocalStore,
    history: History,
    numbers: { next: number },
    options: ClientOptions,
  ) {
    this.#process = process;
    this.store = store;
    this.history = history;
    this.#numbers = numbers;
    this.#options = options;
    // The watermark moves past records that were taken back, so the check uses what was durable before.
    let durableSeq = store.durability.watermark;
    store.durability.onDurable(() => (durableSeq = store.durability.watermark));
    store.durability.onFailed((cause) => {
      if (!options.mayFail) throw new Violation(`A commit failed without a fault: ${cause}`);
      if (cause === 'poisoned') this.isPoisoned = true;
      else history.forgetAfter(durableSeq);
    });
  }

  /** Runs until the end, or until the log is poisoned. */
  async run(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      if (this.isPoisoned) return;
      try {
        await this.#run(command);
      } catch (error) {
        if (!this.#options.mayFail || !isKvError(error, 'KV_IO')) throw error;
      }
    }
  }

  async durable(): Promise<void> {
    if (!this.isPoisoned) await allDurable(this.store.durability);
  }

  /** Evictions are the engine's choice: the model learns of them before it forms an expectation. */
  async #noticeVanished(key: string): Promise<void> {
    if (this.#known(key).entry === undefined) return;
    const lookup = await kept(this.store.get(Buffer.from(key), { quiet: true }));
    const value = lookup.kind === 'hit' ? lookup.item.value : undefined;
    if (value !== undefined && !Buffer.isBuffer(value)) value.release();
    if (lookup.kind !== 'miss' || this.#known(key).entry === undefined) return;
    const seq = Math.max(lookup.after, this.store.durability.watermark);
    this.history.put(seq, key, undefined, this.store.nowMs());
  }

  async #run(command: Command): Promise<void> {
    if (this.#options.mayVanish && 'key' in command) await this.#noticeVanished(command.key);
    switch (command.do) {
      case 'durable':
        return this.durable();
      case 'sleep':
        await new Promise<void>((resolve) => void this.#process.later(command.ms, resolve));
        return;
      case 'jump':
        this.#process.world.wallOffsetMs += command.ms;
        return;
      case 'forge': {
        const { key, bytes } = command;
        const value = forgedValue(key, bytes, this.#numbers.next++);
        return this.#put({ do: 'set', key, bytes, flags: 0, ttlMs: 0 }, value);
      }
      case 'compact':
      case 'snapshot':
        return this.#janitor(command.do);
      case 'flush': {
        const atMs = command.delayMs === 0 ? 0 : this.store.nowMs() + command.delayMs;
        const { status, after } = this.store.flush(atMs);
        if (this.#expect(command, status, 'ok')) this.history.flush(after, atMs);
        return;
      }
      case 'deletePrefix': {
        const { prefix } = command;
        const { status, after } = this.store.deletePrefix(Buffer.from(prefix));
        if (this.#expect(command, status, 'ok')) this.history.flush(after, 0, prefix);
        return;
      }
      case 'large':
        return this.#large(command);
      case 'incr':
      case 'decr':
        return this.#arithmetic(command);
      case 'get':
      case 'gat':
      case 'win':
        return this.#get(command);
      case 'touch':
        return this.#touch(command);
      case 'delete':
      case 'invalidate':
        return this.#delete(command);
      case 'cas':
        return this.#cas(command);
      default:
        return this.#put(command, this.#value(command.bytes));
    }
  }

  async #janitor(name: 'compact' | 'snapshot'): Promise<void> {
    try {
      await (name === 'compact' ? this.store.compact({ everything: true }) : this.store.snapshot());
    } catch (error) {
      if (!this.#options.mayFail) throw error;
    }
  }

  async #put(command: PutCommand, value: string, handle?: S.LargeValueHandle): Promise<void> {
    const mode = command.do === 'large' ? 'set' : command.do;
    const { key, flags } = command;
    const startMs = this.store.nowMs();
    const expiresAt = command.ttlMs === 0 ? 0 : startMs + command.ttlMs;
    const outcome = await keptOutcome(
      this.store.put({
        mode,
        key: Buffer.from(key),
        value: handle ?? Buffer.from(value, 'latin1'),
        flags,
        expiresAt,
      }),
    );
    const wantedOf = ({ entry }: Known): S.Status =>
      mode === 'set' || (mode === 'add') === (entry === undefined) ? 'stored' : 'not-stored';
    const known = this.#knownSince(startMs, key, outcome.status, wantedOf);
    const wanted = wantedOf(known);
    if (!this.#expect(command, outcome.status, wanted)) return;
    if (wanted !== 'stored') return this.#checkAfter(command, known, outcome.after);
    const { entry } = known;
    const joins = mode === 'append' || mode === 'prepend';
    const joined = mode === 'append' ? (entry?.value ?? '') + value : value + (entry?.value ?? '');
    this.#stored(key, outcome, {
      value: joins ? joined : value,
      flags: joins ? (entry?.flags ?? 0) : flags,
      expiresAt: joins ? (entry?.expiresAt ?? 0) : expiresAt,
    });
  }

  async #large(command: PutCommand): Promise<void> {
    const value = this.#value(command.bytes);
    let handle: S.LargeValueHandle;
    let writer: S.LargeValueWriter | undefined;
    try {
      writer = await this.store.openLargeValue();
      const bytes = Buffer.from(value, 'latin1');
      for (let at = 0; at < bytes.length; at += 400_000) {
        await writer.write(bytes.subarray(at, at + 400_000));
      }
      handle = await writer.finish();
    } catch (error) {
      await writer?.abort();
      if (this.#options.mayFail) return;
      throw error;
    }
    await this.#put(command, value, handle);
  }

  async #cas(command: CasCommand): Promise<void> {
    const { key } = command;
    const before = this.#known(key).entry;
    const compareCas = (before?.cas ?? 3n) + (command.right ? 0n : 1n);
    const value = this.#value(command.bytes);
    const bytes = Buffer.from(value, 'latin1');
    const outcome = await keptOutcome(
      this.store.put({
        mode: 'set',
        key: Buffer.from(key),
        value: bytes,
        flags: 1,
        expiresAt: 0,
        compareCas,
      }),
    );
    const known = this.#known(key);
    const { entry } = known;
    const matches = entry?.cas === compareCas;
    const wanted = entry === undefined ? 'not-found' : matches ? 'stored' : 'exists';
    if (!this.#expect(command, outcome.status, wanted)) return;
    if (wanted !== 'stored') return this.#checkAfter(command, known, outcome.after);
    this.#stored(key, outcome, { value, flags: 1, expiresAt: 0 });
  }

  async #arithmetic(command: ArithmeticCommand): Promise<void> {
    const { key, delta } = command;
    const create = { value: delta, expiresAt: 0 };
    const direction = command.do;
    const startMs = this.store.nowMs();
    const outcome = await this.store.arithmetic({
      key: Buffer.from(key),
      delta,
      direction,
      create,
    });
    const known = this.#knownSince(startMs, key, outcome.status, arithmeticStatus);
    const { entry } = known;
    const number = entry === undefined ? undefined : parseNumber(entry.value);
    const wanted = arithmeticStatus(known);
    if (!this.#expect(command, outcome.status, wanted)) return;
    if (wanted !== 'stored') return this.#checkAfter(command, known, outcome.after);
    const next = number === undefined ? delta : changed(number, delta, direction);
    if (outcome.number !== next) {
      throw new Violation(`${commandText(command)} answered ${outcome.number} instead of ${next}`);
    }
    this.#stored(key, outcome, {
      value: next.toString().padEnd(entry?.value.length ?? 0),
      flags: entry?.flags ?? 0,
      expiresAt: entry?.expiresAt ?? 0,
      stale: entry?.stale ?? false,
      won: entry?.won ?? false,
    });
  }

  async #get(command: GetCommand): Promise<void> {
    const { key } = command;
    const { ttlMs } = command;
    const expiresAt =
      ttlMs === undefined ? undefined : ttlMs === 0 ? 0 : this.store.nowMs() + ttlMs;
    const startMs = this.store.nowMs();
    const options = { expiresAt, win: command.do === 'win' };
    const lookup = await kept(this.store.get(Buffer.from(key), options));
    const now = this.#known(key);
    // An item may expire while its value is read.
    const isHit = lookup.kind === 'hit';
    const known = (now.entry !== undefined) === isHit ? now : this.history.at(key, startMs);
    // This holds even when the value cannot be read after that.
    const isTouched = lookup.kind === 'hit' || lookup.kind === 'damaged';
    const touched = isTouched ? touchedBy(command, known.entry, expiresAt) : undefined;
    if (touched !== undefined) this.history.put(lookup.after, key, touched, undefined);
    if (lookup.kind === 'damaged' || lookup.kind === 'refused') {
      if (this.#options.mayFail) return;
      throw new Violation(`${commandText(command)} is ${lookup.kind}`);
    }
    const found = lookup.kind === 'hit' ? await entryOf(lookup.item) : undefined;
    if (found === undefined && known.entry !== undefined && this.#options.mayVanish) {
      return this.history.put(
        Math.max(lookup.after, this.store.durability.watermark),
        key,
        undefined,
        this.store.nowMs(),
      );
    }
    if (!isSameEntry(known.entry, found)) {
      const durable = this.history.at(
        key,
        this.store.nowMs(),
        this.store.durability.watermark,
      ).entry;
      if (this.#options.mayFail && isSameEntry(durable, found)) return;
      throw new Violation(
        `${commandText(command)} found ${shown(found)}, not ${shown(known.entry)}`,
      );
    }
    this.#checkAfter(command, known, lookup.after);
  }

  #touch(command: TouchCommand): void {
    const { key, ttlMs } = command;
    const expiresAt = ttlMs === 0 ? 0 : this.store.nowMs() + ttlMs;
    const known = this.#known(key);
    const outcome = this.store.touch(Buffer.from(key), expiresAt);
    const wanted = known.entry === undefined ? 'not-found' : 'touched';
    if (!this.#expect(command, outcome.status, wanted)) return;
    if (known.entry === undefined) return this.#checkAfter(command, known, outcome.after);
    this.history.put(outcome.after, key, { ...known.entry, expiresAt }, undefined);
  }

  async #delete(command: DeleteCommand): Promise<void> {
    const { key } = command;
    const invalidate = command.do === 'invalidate';
    const outcome = await keptOutcome(this.store.delete({ key: Buffer.from(key), invalidate }));
    const known = this.#known(key);
    const wanted = known.entry === undefined ? 'not-found' : 'deleted';
    if (!this.#expect(command, outcome.status, wanted)) return;
    if (known.entry === undefined) return this.#checkAfter(command, known, outcome.after);
    const { cas } = outcome;
    const left = invalidate ? { ...known.entry, stale: true, won: false, cas } : undefined;
    this.history.put(outcome.after, key, left, this.store.nowMs());
  }

  #stored(
    key: string,
    outcome: S.Outcome,
    entry: Pick<Entry, 'value' | 'flags' | 'expiresAt'> & Partial<Entry>,
  ): void {
    const { after, cas } = outcome;
    if (cas !== BigInt(after)) throw new Violation(`A change of seq ${after} got the token ${cas}`);
    this.history.put(after, key, { stale: false, won: false, ...entry, cas }, this.store.nowMs());
  }

  /** Returns what is known now, or what was known when a slow command began, if the status says so. */
  #knownSince(
    startMs: number,
    key: string,
    status: S.Status,
    wantedOf: (known: Known) => S.Status,
  ): Known {
    const now = this.#known(key);
    if (wantedOf(now) === status) return now;
    const before = this.history.at(key, startMs);
    return wantedOf(before) === status ? before : now;
  }

  #hasUnsynced(): boolean {
    return this.store.durability.watermark < this.store.durability.lastSeq;
  }

  #known(key: string): Known {
    return this.history.at(key, this.store.nowMs());
  }

  /** Returns true when the status is the wanted one, and false when a fault excuses another. */
  #expect(command: Command, status: S.Status, wanted: S.Status): boolean {
    if (status === wanted) return true;
    if (EXCUSED.has(status) && this.#options.mayFail) return false;
    // A commit has failed and its changes are taken back, but onFailed() has not been called yet.
    if (this.#options.mayFail && UNCHANGED.has(status) && this.#hasUnsynced()) return false;
    // An evicted item counts as deleted.
    const missing = status === 'not-found' || status === 'not-stored';
    if (this.#options.mayVanish && missing && 'key' in command) {
      this.history.put(this.store.durability.watermark, command.key, undefined, this.store.nowMs());
      return false;
    }
    const past = 'key' in command ? this.history.describe(command.key) : '';
    const now = this.store.nowMs();
    throw new Violation(
      `${commandText(command)} answered ${status} instead of ${wanted} at ${now} [${past}]`,
    );
  }

  #checkAfter(command: Command, known: Known, after: number): void {
    // While a commit fails, answers may wait for seqs that onFailed() is about to void.
    if (this.#options.mayFail) return;
    if (known.seq <= this.store.durability.watermark || after >= known.seq) return;
    throw new Violation(
      `${commandText(command)} may be answered at ${after}, depends on seq ${known.seq}, ` +
        `the watermark is ${this.store.durability.watermark}`,
    );
  }

  #value(bytes: number): string {
    const number = this.#numbers.next++;
    // Short values are numbers, which incr can use and which differ.
    return bytes < 12 ? String(number) : `${number}:`.padEnd(bytes, 'abcdefghijklmnop');
  }
}
