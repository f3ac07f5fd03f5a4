// Losses: lists for the operator what a repair could not save: keys with their fate, and byte ranges where not even
// the key can be read.
//
// Invariant: every damaged place is listed. A later write of the same key decides the key's fate.

import type { LostPlace } from '../log/damage/damage-survey.js';
import { quotedKey } from '../printable.js';
import { RECORD, type LogRecord, type RecordType } from '../log/bytes/format.js';
import { isFlushPromise } from '../log/bytes/entry-list.js';
import type { ReplayEntry } from '../log/bytes/entry-list.js';

/**
 * The fate of a key:
 * - `lost`: its newest value is gone, and the repaired store does not have the key.
 * - `stale`: the repaired store has an older value. `back`: the key seems to have been deleted, but is there again.
 * - `expiry`: it may have an older expiry.
 * - `overwritten`: it was written or deleted later; nothing is lost.
 */
export type Fate = 'lost' | 'stale' | 'back' | 'expiry' | 'overwritten';

export interface Loss {
  readonly path: string;
  readonly offset: number;
  /** Undefined: the whole file. */
  readonly bytes: number | undefined;
  /** Undefined when the key cannot be read. */
  readonly key: Buffer | undefined;
  /** True when a hint or a whole record has the key; false when only the damaged bytes seem to have it. */
  readonly isCertain: boolean;
  /** Undefined: the loss may concern any key. */
  readonly fate: Fate | undefined;
  /** For a loss without a key, what was lost. */
  readonly what: string;
}

interface Pending extends Omit<Loss, 'fate'> {
  readonly type: RecordType | undefined;
  /** Number of flushes before it in the log. */
  readonly flushes: number;
  superseded: boolean;
}

export class Losses {
  readonly #settled: Loss[] = [];
  readonly #pending = new Map<string, Pending[]>();
  /** Number of flushes so far, and the number of the newest flush per prefix: a log may have a million flushes. */
  #flushes = 0;
  readonly #newestOf = new Map<string, number>();

  /** Notes acknowledged bytes that belong to no valid record. */
  place(path: string, { offset, bytes, what, seems }: LostPlace): void {
    const place = { path, offset, bytes, isCertain: false };
    // Headers hold nothing that a client stored.
    if (what === 'batch header') return;
    const key = seems?.key;
    const type = seems?.type;
    if (type === RECORD.flush) {
      const told = 'it seems to be a flush_all: the items that it removed may be back';
      this.#settled.push({ ...place, key: undefined, fate: undefined, what: told });
    } else if (type === RECORD.deletePrefix && key !== undefined) {
      const told = `it seems to be a delete_prefix of ${quotedKey(key)}: the items that it removed may be back`;
      this.#settled.push({ ...place, key: undefined, fate: undefined, what: told });
    } else if (key === undefined || key.length === 0) {
      const told = what === 'zeros' ? 'the bytes are zeros' : 'no record can be recognized';
      const all = `${told}: any key may have lost its newest change`;
      this.#settled.push({ ...place, key: undefined, fate: undefined, what: all });
    } else
      this.#add({
        ...place,
        key: Buffer.from(key),
        what,
        type,
        flushes: this.#flushes,
        superseded: false,
      });
  }

  /** Notes a missing segment that has no hint. */
  segment(path: string): void {
    const what = 'the segment is gone: any key may have lost changes that it held';
    const place = { path, offset: 0, bytes: undefined, key: undefined };
    this.#settled.push({ ...place, isCertain: true, fate: undefined, what });
  }

  /** Notes a compacted segment without manifest and hint, whose end is unknown. */
  unknownEnd(path: string): void {
    const what = 'the end of the segment is unknown: any key may have lost changes that it held';
    const place = { path, offset: 0, bytes: undefined, key: undefined };
    this.#settled.push({ ...place, isCertain: false, fate: undefined, what });
  }

  /** Notes that the end of the log is missing, as another file proves. */
  newest(path: string, offset: number, what: string): void {
    const place = { path, offset, bytes: undefined, key: undefined };
    const told = `${what}; any key may have lost its newest change`;
    this.#settled.push({ ...place, isCertain: true, fate: undefined, what: told });
  }

  /** Notes a lost put, of which a hint has all but value and flags. */
  put(path: string, { key, offset, bytes, type }: ReplayEntry): void {
    const place = { path, offset, bytes, key: Buffer.from(key), isCertain: true };
    this.#add({ ...place, what: 'frame', type, flushes: this.#flushes, superseded: false });
  }

  /** Notes that the file of a large value is damaged or missing. */
  largeValue(path: string, key: Buffer): void {
    const what = 'large value';
    const place = { path, offset: 0, bytes: undefined, key: Buffer.from(key) };
    this.#settled.push({ ...place, isCertain: true, fate: 'lost', what });
  }

  /** Takes a whole record: earlier losses of its key no longer matter. */
  supersededBy(record: Pick<LogRecord, 'type' | 'key' | 'value' | 'expiresAt'>): void {
    const { type, key } = record;
    if (this.#pending.size === 0 || type === RECORD.touch) return;
    if (type === RECORD.flush || type === RECORD.deletePrefix) {
      if (isFlushPromise(record)) return;
      this.#flushes += 1;
      this.#newestOf.set(key.toString('latin1'), this.#flushes);
      return;
    }
    settle(this.#pending.get(key.toString('latin1')) ?? []);
  }

  /** Returns all losses: first the records with a known key. `isLive` checks whether the repaired store has a key. */
  all(isLive: (key: Buffer) => boolean): Loss[] {
    const losses = [...this.#pending.values()].flat().map((pending) => {
      const { superseded, flushes, type, ...loss } = pending;
      const isGone = superseded || this.#newestFlushOf(loss.key!) > flushes;
      return { ...loss, fate: isGone ? ('overwritten' as const) : fateOf(type, isLive(loss.key!)) };
    });
    return [...losses, ...this.#settled];
  }

  #newestFlushOf(key: Buffer): number {
    const name = key.toString('latin1');
    let newest = 0;
    for (let length = 0; length <= name.length; length += 1) {
      newest = Math.max(newest, this.#newestOf.get(name.slice(0, length)) ?? 0);
    }
    return newest;
  }

  #add(pending: Pending): void {
    const name = pending.key!.toString('latin1');
    const others = this.#pending.get(name);
    if (others === undefined) this.#pending.set(name, [pending]);
    else others.push(pending);
  }
}

function settle(all: readonly Pending[]): void {
  for (const pending of all) pending.superseded = true;
}

function fateOf(type: RecordType | undefined, isLive: boolean): Fate {
  if (type === RECORD.delete) return isLive ? 'back' : 'overwritten';
  if (type === RECORD.touch) return isLive ? 'expiry' : 'overwritten';
  return isLive ? 'stale' : 'lost';
}
