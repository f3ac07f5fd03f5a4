// Repair: makes a new store from what is left of a damaged one: the live items with their seqs, CAS tokens, flags and
// expiries. It also lists the losses (docs/recovery.md, "When acknowledged records are damaged").
//
// Invariants:
// - The damaged directory is only read.
// - The new store gets its MANIFEST when all its other files are durable: an unfinished copy never starts.

import { ALL_DURABLE } from '../log/durability.js';
import { join } from 'node:path';

import type { Env, File } from '../env/env.js';
import { isKvError, systemCode } from '../errors.js';
import { largeValueName } from '../log/bytes/file-names.js';
import { RECORD_MARK, RECORD } from '../log/bytes/format.js';
import type { LogRecord } from '../log/bytes/format.js';
import { isFlushPromise } from '../log/bytes/entry-list.js';
import type { ReplayEntry } from '../log/bytes/entry-list.js';
import { SEED_BYTES, hashSeed } from '../log/bytes/key-hash.js';
import { readLargeValue, type LargeReference } from '../log/segments/large-value-file.js';
import type { Segment } from '../log/segments/segment.js';
import type { Finding } from '../log/damage/verification.js';
import { Flushes } from '../store/flushes/flushes.js';
import { Items } from '../store/items/items.js';
import { Keydir, ITEM_MARK } from '../store/keydir/keydir.js';
import { Losses, type Loss } from './losses.js';
import { lossText, provedLoss } from '../store/restart/loss-proof.js';
import { replayEntry } from '../store/restart/replay-items.js';
import { RepairedStore } from './repaired-store.js';
import { SalvagedLog, recordOf, type Salvaged } from './salvage.js';
import { StoreClock } from '../store/clock.js';
import { requireStore } from './store-reader.js';

const PIECE_BYTES = 1024 * 1024;
/** Number of seqs that a lost end of the log may have used: the new store uses none of them. */
const SEQ_MARGIN = 1_000_000;

export interface RepairReport {
  readonly findings: readonly Finding[];
  /** Live keys that the new store has. */
  readonly keys: number;
  readonly largeValues: number;
  readonly lastSeq: number;
  readonly losses: readonly Loss[];
  /** Bytes of an incomplete last batch, which was never acknowledged. */
  readonly tornBytes: number;
}

export class Repair {
  readonly report: RepairReport;
  readonly #env: Env;
  readonly #dir: string;
  readonly #log: SalvagedLog;
  readonly #state: Replayed;

  private constructor(
    env: Env,
    dir: string,
    log: SalvagedLog,
    state: Replayed,
    losses: Loss[],
    isCutShort: boolean,
  ) {
    this.#env = env;
    this.#dir = dir;
    this.#log = log;
    this.#state = state;
    // When acknowledged writes are missing, cut bytes may be one of them, so they are no torn tail.
    const torn = isCutShort ? [] : log.findings.filter(({ isDamage }) => !isDamage);
    this.report = {
      findings: isCutShort ? log.findings.filter(({ isDamage }) => isDamage) : log.findings,
      keys: state.liveCount,
      largeValues: state.largeReferences().length,
      lastSeq: state.lastSeq,
      losses,
      tornBytes: torn.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    };
  }

  /** Reads the damaged store and decides what to save; writes nothing. Requires: nobody else writes to `dir`. */
  static async plan(env: Env, dir: string, onProgress: (bytes: number) => void): Promise<Repair> {
    await requireStore(env, dir);
    const log = await SalvagedLog.open(env, dir, onProgress);
    try {
      const state = new Replayed(env, log);
      const losses = new Losses();
      for await (const { parts, lastSeq, timeMs } of log.steps()) {
        state.note(lastSeq, timeMs);
        for (const part of parts) apply(part, state, losses);
      }
      for (const path of log.unknownEnds) losses.unknownEnd(path);
      const claim = await provedLoss(log.claims, state.lastSeq);
      if (claim !== undefined) {
        losses.newest(claim.path, 0, lossText(claim, state.lastSeq));
        // The new store uses neither the missing seqs nor those that may have followed them.
        state.note(claim.seq + SEQ_MARGIN, 0);
      }
      if (log.isEndUnknown) state.note(state.lastSeq + SEQ_MARGIN, 0);
      state.settle();
      await dropUnreadable(env, dir, state, losses);
      const all = losses.all((key) => state.isLive(state.items.keydir.find(key)));
      return new Repair(env, dir, log, state, all, claim !== undefined);
    } catch (error: unknown) {
      await log.close();
      throw error;
    }
  }

  /** Writes the new store. Requires: `target` is an empty directory. */
  async write(target: string, onProgress: (keys: number) => void): Promise<void> {
    const { fs } = this.#env;
    const state = this.#state;
    const store = new RepairedStore(this.#env, target, state.nowMs);
    let keys = 0;
    for await (const { parts, lastSeq, timeMs } of this.#log.steps()) {
      store.note(lastSeq, timeMs);
      for (const part of parts) {
        const record = state.recordFor(part);
        if (record === undefined) continue;
        await store.add(record);
        if (record.type === RECORD.put) keys += 1;
      }
      onProgress(keys);
    }
    for (const reference of state.largeReferences()) {
      const path = join(this.#dir, largeValueName(reference.id));
      const file = await fs.open(path, 'read');
      try {
        await store.copyLarge(file, reference);
      } finally {
        await file.close();
      }
    }
    await store.finish(state.lastSeq, state.timeMs);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}

/** A segment for records that are no puts: the keydir points only to puts. */
const NOWHERE = { slot: 0 };

/** The state that a start would have if it could skip the damage. */
class Replayed {
  readonly items: Items;
  readonly #flushes: Flushes;
  readonly #clock: StoreClock;
  lastSeq = 0;
  timeMs = 0;
  nowMs = 0;
  liveCount = 0;

  constructor(env: Env, log: SalvagedLog) {
    const seed = hashSeed(env.random.bytes(SEED_BYTES));
    this.#flushes = new Flushes(seed);
    this.#clock = new StoreClock(env.clock);
    this.items = new Items(new Keydir({ seed, recency: false }), log.table, ALL_DURABLE);
  }

  note(lastSeq: number, timeMs: number): void {
    this.lastSeq = Math.max(this.lastSeq, lastSeq);
    this.timeMs = Math.max(this.timeMs, timeMs);
  }

  visit(entry: ReplayEntry, segment: Segment): void {
    replayEntry(this.items, this.#flushes, entry, segment, 0);
  }

  /** Replays a hint's entry that is no put, and so needs no place. */
  visitHinted(entry: ReplayEntry): void {
    if (entry.type === RECORD.delete) this.remove(entry.key);
    else if (entry.type !== RECORD.put) replayEntry(this.items, this.#flushes, entry, NOWHERE, 0);
  }

  remove(key: Buffer): void {
    const ref = this.items.keydir.find(key);
    if (ref !== 0) this.items.remove(ref);
  }

  /** Sets the time at which items are judged live, and counts them. Requires: all records were visited. */
  settle(): void {
    this.#clock.catchUp(this.timeMs);
    this.nowMs = this.#clock.nowMs();
    this.liveCount = 0;
    this.walk(() => (this.liveCount += 1));
  }

  isLive(ref: number): boolean {
    if (ref === 0) return false;
    const { keydir } = this.items;
    const expiresAt = keydir.expiresAt(ref);
    if (expiresAt !== 0 && expiresAt <= this.nowMs) return false;
    const flushes = this.#flushes;
    if (flushes.isOpen && flushes.killerOf(keydir, ref, this.lastSeq) !== 0) return false;
    return flushes.promises.nextMs > this.nowMs;
  }

  walk(visit: (ref: number) => void): void {
    let cursor = 0;
    do {
      cursor = this.items.keydir.walk(cursor, 1000, (ref) => {
        if (this.isLive(ref)) visit(ref);
      });
    } while (cursor !== 0);
  }

  largeReferences(): LargeReference[] {
    const found: LargeReference[] = [];
    this.walk((ref) => {
      const large = this.items.largeOf(ref);
      if (large !== undefined) found.push(large);
    });
    return found;
  }

  /** Returns the record that a part gives the new store; undefined when it gives none. */
  recordFor(part: Salvaged): LogRecord | undefined {
    if (part.kind !== 'frame' && part.kind !== 'hinted') return undefined;
    const record = part.kind === 'frame' ? part.frame.record : recordOf(part.entry);
    // A delayed flush whose time has come is not needed: the items that it removes are left out.
    if (record.type === RECORD.flush) {
      return isFlushPromise(record) && record.expiresAt > this.nowMs ? record : undefined;
    }
    if (part.kind !== 'frame' || record.type !== RECORD.put) return undefined;
    const { keydir } = this.items;
    const ref = keydir.find(record.key);
    const isThis =
      ref !== 0 &&
      keydir.offset(ref) === part.frame.offset &&
      keydir.segment(ref) === part.segment.slot;
    if (!isThis || !this.isLive(ref)) return undefined;
    const won = (keydir.marks(ref) & ITEM_MARK.WON) === 0 ? 0 : RECORD_MARK.won;
    return { ...record, expiresAt: keydir.expiresAt(ref), marks: record.marks | won };
  }
}

function apply(part: Salvaged, state: Replayed, losses: Losses): void {
  if (part.kind === 'gone') losses.segment(part.path);
  else if (part.kind === 'lost') losses.place(part.path, part.place);
  else if (part.kind === 'frame') {
    const { record, offset, bytes } = part.frame;
    losses.supersededBy(record);
    state.visit({ ...record, offset, bytes }, part.segment);
  } else if (part.entry.type === RECORD.put) {
    // An older value is known to be wrong, so no value is kept.
    losses.supersededBy({ ...part.entry, type: RECORD.delete });
    losses.put(part.path, part.entry);
    state.remove(part.entry.key);
  } else {
    const { entry } = part;
    losses.supersededBy(entry);
    state.visitHinted(entry);
  }
}

/** Removes the items whose large value cannot be read whole. */
async function dropUnreadable(
  env: Env,
  dir: string,
  state: Replayed,
  losses: Losses,
): Promise<void> {
  const found: { key: Buffer; reference: LargeReference }[] = [];
  state.walk((ref) => {
    const reference = state.items.largeOf(ref);
    if (reference !== undefined) found.push({ key: state.items.keydir.key(ref), reference });
  });
  for (const { key, reference } of found) {
    const path = join(dir, largeValueName(reference.id));
    if (await isReadable(env, path, reference)) continue;
    losses.largeValue(path, key);
    state.remove(key);
    state.liveCount -= 1;
  }
}

async function isReadable(env: Env, path: string, reference: LargeReference): Promise<boolean> {
  let file: File | undefined;
  try {
    file = await env.fs.open(path, 'read');
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = 0; at < reference.bytes;) at += await readLargeValue(file, reference, piece, at);
    return true;
  } catch (error: unknown) {
    const code = systemCode(error);
    if (isKvError(error, 'KV_CORRUPTION') || code === 'ENOENT' || code === 'EIO') return false;
    throw error;
  } finally {
    await file?.close();
  }
}
