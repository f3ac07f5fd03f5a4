// What a repair could not save, for the operator: which keys, and what became of them in the end; byte ranges
// where not even the key can be made out.
//
// Invariant: every damaged place is told, whatever became of it; a later write of a key is what counts for it.

import type { LostPlace } from '../log/damage/damage-survey.js';
import { quotedKey } from '../printable.js';
import { RECORD, type LogRecord, type RecordType } from '../log/bytes/format.js';
import { isFlushPromise } from '../log/bytes/entry-list.js';
import type { ReplayEntry } from '../log/bytes/entry-list.js';

/**
 * - `lost`: its newest value is gone, and the key with it.
 * - `stale`: an older value is shown in its place. `back`: it seems to have been deleted, and is there again.
 * - `expiry`: its time to live may be an older one.
 * - `overwritten`: it was written or deleted again later; nothing is lost.
 */
export type Fate = 'lost' | 'stale' | 'back' | 'expiry' | 'overwritten';

export interface Loss {
  readonly path: string;
  readonly offset: number;
  /** Undefined: the whole file. */
  readonly bytes: number | undefined;
  /** Undefined: nobody can tell which. */
  readonly key: Buffer | undefined;
  /** A hint, or a whole record, says so; else it is what the damaged bytes seem to say. */
  readonly isCertain: boolean;
  /** Undefined: any key may be concerned. */
  readonly fate: Fate | undefined;
  /** For places without a key: what it was. */
  readonly what: string;
}

interface Pending extends Omit<Loss, 'fate'> {
  readonly type: RecordType | undefined;
  /** How many flushes had been seen before it. */
  readonly flushes: number;
  superseded: boolean;
}

export class Losses {
  readonly #settled: Loss[] = [];
  readonly #pending = new Map<string, Pending[]>();
  /** How many flushes were seen, and the number of the newest of each prefix: a log may have a million of them. */
  #flushes = 0;
  readonly #newestOf = new Map<string, number>();

  /** Bytes that were acknowledged and that nothing valid covers. */
  place(path: string, { offset, bytes, what, seems }: LostPlace): void {
    const place = { path, offset, bytes, isCertain: false };
    // Headers hold nothing that a client stored.
    if (what === 'batch header') return;
    const key = seems?.key;
    const type = seems?.type;
    if (type === RECORD.flush) {
      const told = 'a flush_all, as it seems: what it removed may be back';
      this.#settled.push({ ...place, key: undefined, fate: undefined, what: told });
    } else if (type === RECORD.deletePrefix && key !== undefined) {
      const told = `a delete_prefix, as it seems, of ${quotedKey(key)}: what it removed may be back`;
      this.#settled.push({ ...place, key: undefined, fate: undefined, what: told });
    } else if (key === undefined || key.length === 0) {
      const told = what === 'zeros' ? 'zeros stand there' : 'nothing can be made out';
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

  /** A whole segment of which nothing is known. */
  segment(path: string): void {
    const what = 'the segment is gone: any key may have lost changes that it held';
    const place = { path, offset: 0, bytes: undefined, key: undefined };
    this.#settled.push({ ...place, isCertain: true, fate: undefined, what });
  }

  /** A compacted segment without manifest and hint: where it ended nothing says. */
  unknownEnd(path: string): void {
    const what = 'where the segment ended nothing says: any key may have lost changes that it held';
    const place = { path, offset: 0, bytes: undefined, key: undefined };
    this.#settled.push({ ...place, isCertain: false, fate: undefined, what });
  }

  /** The end of the log, as another file proves. */
  newest(path: string, offset: number, what: string): void {
    const place = { path, offset, bytes: undefined, key: undefined };
    const told = `${what}; any key may have lost its newest change`;
    this.#settled.push({ ...place, isCertain: true, fate: undefined, what: told });
  }

  /** A put of which a hint knows everything but the value. */
  put(path: string, { key, offset, bytes, type }: ReplayEntry): void {
    const place = { path, offset, bytes, key: Buffer.from(key), isCertain: true };
    this.#add({ ...place, what: 'frame', type, flushes: this.#flushes, superseded: false });
  }

  /** The file of a large value that a record refers to is damaged or gone. */
  largeValue(path: string, key: Buffer): void {
    const what = 'large value';
    const place = { path, offset: 0, bytes: undefined, key: Buffer.from(key) };
    this.#settled.push({ ...place, isCertain: true, fate: 'lost', what });
  }

  /** A record that is there: what was lost of its key before it does not matter any more. */
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

  /** In the order of the log as far as keys are known. `isLive`: whether the repaired store has it. */
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
