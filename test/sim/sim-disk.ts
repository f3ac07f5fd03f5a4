// The simulated disk: directories and inodes, each with what is durable and what is only cached.
// Invariant: a directory entry (created, renamed, removed) is durable only after the directory was synced. This is
// stricter than ext4, XFS and btrfs are for creations. Directories themselves are durable as soon as they are made.

import { posix } from 'node:path';

import { Inode, type Change } from './inode.js';
import { survivalOf, type CrashStyle, type DiskSurvival } from './power-loss.js';

type DirChange =
  | { readonly kind: 'link'; readonly order: number; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'unlink'; readonly order: number; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly order: number;
      readonly from: string;
      readonly to: string;
      readonly inode: Inode;
    };

interface Dir {
  readonly cached: Map<string, Inode>;
  readonly durable: Map<string, Inode>;
  pending: DirChange[];
}

export class SimDisk {
  /** The limit for the bytes of all files; Infinity: the disk is never full. */
  capacityBytes = Infinity;
  #dirs = new Map<string, Dir>();
  #orders = 0;

  makeDir(path: string): void {
    for (let dir = posix.resolve('/', path); dir !== '/'; dir = posix.dirname(dir)) {
      if (!this.#dirs.has(dir)) {
        this.#dirs.set(dir, { cached: new Map(), durable: new Map(), pending: [] });
      }
    }
  }

  list(path: string): string[] | undefined {
    const dir = this.#dirs.get(posix.resolve('/', path));
    return dir === undefined ? undefined : [...dir.cached.keys()];
  }

  /** Returns the file, or undefined when there is none; `isDir` reports a missing directory. */
  find(path: string): Inode | undefined {
    const [dir, name] = this.#place(path);
    return dir?.cached.get(name);
  }

  hasDirOf(path: string): boolean {
    return this.#place(path)[0] !== undefined;
  }

  create(path: string): Inode {
    const [dir, name] = this.#place(path);
    if (dir === undefined) throw new Error(`No directory for ${path}`);
    const inode = new Inode();
    this.#change(dir, { kind: 'link', order: this.#orders++, name, inode });
    return inode;
  }

  /** Renames; returns false when there is nothing to rename. */
  rename(from: string, to: string): boolean {
    const [fromDir, fromName] = this.#place(from);
    const [toDir, toName] = this.#place(to);
    const inode = fromDir?.cached.get(fromName);
    if (fromDir === undefined || toDir === undefined || inode === undefined) return false;
    if (fromDir === toDir) {
      const order = this.#orders++;
      this.#change(fromDir, { kind: 'rename', order, from: fromName, to: toName, inode });
    } else {
      this.#change(toDir, { kind: 'link', order: this.#orders++, name: toName, inode });
      this.#change(fromDir, { kind: 'unlink', order: this.#orders++, name: fromName });
    }
    return true;
  }

  /** Gives a second name; returns false when there is no such file. */
  link(from: string, to: string): boolean {
    const [fromDir, fromName] = this.#place(from);
    const [toDir, name] = this.#place(to);
    const inode = fromDir?.cached.get(fromName);
    if (toDir === undefined || inode === undefined) return false;
    this.#change(toDir, { kind: 'link', order: this.#orders++, name, inode });
    return true;
  }

  remove(path: string): void {
    const [dir, name] = this.#place(path);
    if (dir?.cached.has(name) === true) {
      this.#change(dir, { kind: 'unlink', order: this.#orders++, name });
    }
  }

  dirChanges(path: string): readonly DirChange[] {
    return this.#dirs.get(posix.resolve('/', path))?.pending ?? [];
  }

  /** Writes the given changes of a directory to the disk. */
  makeDirDurable(path: string, changes: readonly DirChange[]): void {
    const dir = this.#dirs.get(posix.resolve('/', path));
    if (dir === undefined) return;
    const going = new Set(changes);
    for (const change of dir.pending) if (going.has(change)) applyDirChange(dir.durable, change);
    dir.pending = dir.pending.filter((change) => !going.has(change));
  }

  write(inode: Inode, bytes: Uint8Array, position: number): Change {
    const change: Change = { kind: 'write', order: this.#orders++, position, bytes };
    inode.change(change);
    return change;
  }

  truncate(inode: Inode, size: number): void {
    inode.change({ kind: 'truncate', order: this.#orders++, size });
  }

  usedBytes(): number {
    const inodes = new Set<Inode>();
    for (const dir of this.#dirs.values())
      for (const inode of dir.cached.values()) inodes.add(inode);
    return [...inodes].reduce((sum, inode) => sum + inode.size, 0);
  }

  /** Returns every existing file, for checks and for damage: path → inode. */
  files(): Map<string, Inode> {
    const files = new Map<string, Inode>();
    for (const [path, dir] of this.#dirs) {
      for (const [name, inode] of dir.cached) files.set(posix.join(path, name), inode);
    }
    return files;
  }

  /** Returns the orders of all changes that a power loss may take back, sorted. */
  pendingOrders(): number[] {
    const inodes = new Set<Inode>();
    const orders: number[] = [];
    for (const dir of this.#dirs.values()) {
      for (const inode of dir.cached.values()) inodes.add(inode);
      for (const inode of dir.durable.values()) inodes.add(inode);
      for (const change of dir.pending) orders.push(change.order);
    }
    for (const inode of inodes) for (const change of inode.pending) orders.push(change.order);
    return orders.sort((a, b) => a - b);
  }

  /** Returns the lengths of pending writes in the order of pendingOrders() (0 for a change that is atomic). */
  pendingLengths(): number[] {
    const lengths = new Map<number, number>();
    for (const inode of this.#allInodes()) {
      for (const change of inode.pending) {
        lengths.set(change.order, change.kind === 'write' ? change.bytes.length : 0);
      }
    }
    return this.pendingOrders().map((order) => lengths.get(order) ?? 0);
  }

  /** Returns a copy that shares nothing that either may change. Open handles stay with the original. */
  clone(): SimDisk {
    return this.#copy((inode) => inode.clone());
  }

  /** Returns the disk as it would be found if the power were lost now. */
  afterPowerLoss(style: CrashStyle): SimDisk {
    const survival = survivalOf(style, this.pendingOrders());
    const after = this.#copy((inode) => inode.afterPowerLoss(survival));
    for (const dir of after.#dirs.values()) loseDirChanges(dir, survival);
    return after;
  }

  #copy(copyInode: (inode: Inode) => Inode): SimDisk {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const copy = copies.get(inode) ?? copyInode(inode);
      copies.set(inode, copy);
      return copy;
    };
    const copyMap = (from: Map<string, Inode>): Map<string, Inode> =>
      new Map([...from].map(([name, inode]) => [name, copyOf(inode)]));
    const disk = new SimDisk();
    disk.capacityBytes = this.capacityBytes;
    disk.#orders = this.#orders;
    for (const [path, dir] of this.#dirs) {
      disk.#dirs.set(path, {
        cached: copyMap(dir.cached),
        durable: copyMap(dir.durable),
        pending: dir.pending.map((change) =>
          change.kind === 'unlink' ? change : { ...change, inode: copyOf(change.inode) },
        ),
      });
    }
    return disk;
  }

  #allInodes(): Set<Inode> {
    const inodes = new Set<Inode>();
    for (const dir of this.#dirs.values()) {
      for (const inode of dir.cached.values()) inodes.add(inode);
      for (const inode of dir.durable.values()) inodes.add(inode);
    }
    return inodes;
  }

  #place(path: string): [Dir | undefined, string] {
    const full = posix.resolve('/', path);
    return [this.#dirs.get(posix.dirname(full)), posix.basename(full)];
  }

  #change(dir: Dir, change: DirChange): void {
    applyDirChange(dir.cached, change);
    dir.pending.push(change);
  }
}

function applyDirChange(entries: Map<string, Inode>, change: DirChange): void {
  if (change.kind === 'link') {
    entries.set(change.name, change.inode);
  } else if (change.kind === 'unlink') {
    entries.delete(change.name);
  } else {
    // The entry names the inode: whatever else was lost (on a hostile disk), this does not change which file it is.
    if (entries.get(change.from) === change.inode) entries.delete(change.from);
    entries.set(change.to, change.inode);
  }
}

function loseDirChanges(dir: Dir, survival: DiskSurvival): void {
  const kept = survival.keepsDirChanges(dir.pending.map((change) => change.order));
  dir.pending.forEach((change, at) => {
    if (kept[at] === true) applyDirChange(dir.durable, change);
  });
  dir.pending = [];
  dir.cached.clear();
  for (const [name, inode] of dir.durable) dir.cached.set(name, inode);
}
