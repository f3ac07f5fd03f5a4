// One simulated file: what the disk holds (durable), what the page cache shows (cache), and the changes between the two,
// in order. A power loss may drop any of these changes.
// Invariants: durable plus all pending changes is the cache, except for what a failed sync dropped (ghosts: the cache
// shows them, and no later sync writes them). Overwriting a part of a sector never harms the rest of the sector (disks
// that do harm it are outside the model; docs/recovery.md says so).

import type { SeededRandom } from '../../tools/torture/seeded-random.js';

export const SECTOR_BYTES = 512;

/** A growing byte array, which clones share until one of them writes. */
class SharedBytes {
  #data: Uint8Array;
  #length: number;
  #isShared: boolean;

  constructor(data: Uint8Array = new Uint8Array(0), length = data.length, isShared = false) {
    this.#data = data;
    this.#length = length;
    this.#isShared = isShared;
  }

  get length(): number {
    return this.#length;
  }

  view(): Uint8Array {
    return this.#data.subarray(0, this.#length);
  }

  clone(): SharedBytes {
    this.#isShared = true;
    return new SharedBytes(this.#data, this.#length, true);
  }

  write(source: Uint8Array, position: number): void {
    this.#own(Math.max(this.#length, position + source.length));
    this.#data.set(source, position);
    this.#length = Math.max(this.#length, position + source.length);
  }

  fill(value: number, from: number, to: number): void {
    this.#own(Math.max(this.#length, to));
    this.#data.fill(value, from, to);
    this.#length = Math.max(this.#length, to);
  }

  resize(length: number): void {
    this.#own(length);
    if (length < this.#length) this.#data.fill(0, length, this.#length);
    this.#length = length;
  }

  #own(needed: number): void {
    const fits = needed <= this.#data.length;
    if (fits && !this.#isShared) return;
    const grown = new Uint8Array(
      fits ? this.#data.length : Math.max(needed, this.#length * 2, 512),
    );
    grown.set(this.view());
    this.#data = grown;
    this.#isShared = false;
  }
}

/** `order` counts all changes of the disk, over all files and directories. */
export type Change =
  | {
      readonly kind: 'write';
      readonly order: number;
      readonly position: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'truncate'; readonly order: number; readonly size: number };

/** The fate of a part of a pending write at a power loss. */
export type Fate = 'kept' | 'old' | 'zero' | 'garbage';

/** Decides what a power loss leaves of each change. */
export interface Survival {
  keepsTruncate(change: Change): boolean;
  /** Calls `part` for consecutive parts [from, to) of the written bytes. */
  partsOf(
    change: Change & { kind: 'write' },
    part: (from: number, to: number, fate: Fate) => void,
  ): void;
  /** The size after a write that lengthens the file: it was `before`, and the parts that are kept need `needed`. */
  sizeAfterGrowth(before: number, needed: number, written: number): number;
  readonly random: SeededRandom;
}

export class Inode {
  #durable: SharedBytes;
  #cache: SharedBytes;
  #pending: Change[];
  /** Write-through writes that have not been answered yet. */
  readonly inFlight = new Set<Change>();

  constructor(durable = new SharedBytes(), cache = new SharedBytes(), pending: Change[] = []) {
    this.#durable = durable;
    this.#cache = cache;
    this.#pending = pending;
  }

  get size(): number {
    return this.#cache.length;
  }

  get pending(): readonly Change[] {
    return this.#pending;
  }

  cached(): Uint8Array {
    return this.#cache.view();
  }

  durable(): Uint8Array {
    return this.#durable.view();
  }

  clone(): Inode {
    return new Inode(this.#durable.clone(), this.#cache.clone(), this.#pending.slice());
  }

  change(change: Change): void {
    if (change.kind === 'write') this.#cache.write(change.bytes, change.position);
    else this.#cache.resize(change.size);
    this.#pending.push(change);
  }

  /** Writes the given changes to the disk; changes that are no longer pending are there already. */
  makeDurable(changes: readonly Change[]): void {
    const going = new Set(changes);
    const staying: Change[] = [];
    for (const change of this.#pending) {
      if (going.has(change)) this.#applyDurable(change);
      else staying.push(change);
    }
    // The disk writes a page as it is now, so an older write cannot come back over a newer one.
    this.#pending = staying.flatMap((change) =>
      changes.reduce((parts, newer) => parts.flatMap((part) => cutOut(part, newer)), [change]),
    );
  }

  /** Turns changes into ghosts: the disk refused them, the cache shows them, and nothing will write them again. */
  makeGhosts(changes: readonly Change[], survival: Survival): void {
    const going = new Set(changes);
    const ghosts = this.#pending.filter((change) => going.has(change));
    this.#pending = this.#pending.filter((change) => !going.has(change));
    this.#survive(ghosts, survival);
  }

  /** Damages disk and cache alike, unnoticed by the engine. */
  corrupt(position: number, mask: number): void {
    for (const bytes of [this.#durable, this.#cache]) {
      const old = bytes.view()[position];
      if (old !== undefined) bytes.write(Uint8Array.of(old ^ mask), position);
    }
  }

  /** Makes the disk keep of this file what it keeps of `older`, where the cache says that both are the same. */
  shareBlocks(older: Inode): void {
    const [here, there] = [this.#cache.view(), older.#cache.view()];
    const disk = older.#durable.view();
    const differs: [number, number][] = [];
    for (let at = 0; at < Math.min(here.length, there.length); at++) {
      if (here[at] === there[at] && disk[at] !== there[at]) differs.push([at, disk[at] ?? 0]);
    }
    for (const [at, byte] of differs) this.#durable.write(Uint8Array.of(byte), at);
  }

  /** Returns the file as it is after a power loss. */
  afterPowerLoss(survival: Survival): Inode {
    const after = this.clone();
    after.#survive(after.#pending, survival);
    after.#pending = [];
    after.#cache = after.#durable.clone();
    return after;
  }

  #applyDurable(change: Change): void {
    if (change.kind === 'write') this.#durable.write(change.bytes, change.position);
    else this.#durable.resize(change.size);
  }

  #survive(changes: readonly Change[], survival: Survival): void {
    const durable = this.#durable;
    for (const change of changes) {
      if (change.kind === 'truncate') {
        if (survival.keepsTruncate(change)) durable.resize(change.size);
        continue;
      }
      const sizeBefore = durable.length;
      survival.partsOf(change, (from, to, fate) => {
        const [start, end] = [change.position + from, change.position + to];
        if (fate === 'kept') durable.write(change.bytes.subarray(from, to), start);
        else if (fate === 'zero') durable.fill(0, start, end);
        else if (fate === 'garbage') durable.write(survival.random.bytes(to - from), start);
      });
      const end = change.position + change.bytes.length;
      if (end <= sizeBefore) continue;
      durable.resize(survival.sizeAfterGrowth(sizeBefore, durable.length, end));
    }
  }
}

/** Returns the parts of an older change that a newer one, already on the disk, does not replace. */
function cutOut(older: Change, newer: Change): Change[] {
  if (older.kind !== 'write' || newer.kind !== 'write' || older.order > newer.order) return [older];
  const { order, position, bytes } = older;
  const end = position + bytes.length;
  const [from, to] = [newer.position, newer.position + newer.bytes.length];
  if (to <= position || from >= end) return [older];
  const parts: Change[] = [];
  if (from > position) {
    parts.push({ kind: 'write', order, position, bytes: bytes.subarray(0, from - position) });
  }
  if (to < end) {
    parts.push({ kind: 'write', order, position: to, bytes: bytes.subarray(to - position) });
  }
  return parts;
}
