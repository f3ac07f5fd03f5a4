// Fs over a SimDisk. Each operation takes two events. When it starts, the cache changes, and from then on its bytes may
// reach the disk. When it finishes, it answers, and what it promised to be durable is durable. A crash may come between.
// Operations that are in flight together are answered in any order.

import { posix } from 'node:path';

import { KvError } from '../../src/errors.js';
import type { EntryKind, File, Fs, Lock, OpenMode } from '../../src/env/env.js';
import type { FaultCode, FaultEffect, OperationKind } from './fault-plan.js';
import type { Change, Inode } from './inode.js';
import { survivalOf } from './power-loss.js';
import type { SimThread } from './sim-thread.js';

/** The effect of an operation when it starts; returns a function with its effect and its answer when it finishes. */
type Start<T> = (effect: FaultEffect | undefined) => () => T;

export class SimFs implements Fs {
  readonly process: SimThread;

  constructor(process: SimThread) {
    this.process = process;
  }

  open(path: string, mode: OpenMode): Promise<File> {
    return this.operate('open', path, () => {
      const { disk } = this.process.world;
      let inode = disk.find(path);
      if (mode === 'create') {
        if (inode !== undefined) throw systemError('EEXIST', 'open', path);
        if (!disk.hasDirOf(path)) throw systemError('ENOENT', 'open', path);
        inode = disk.create(path);
      }
      if (inode === undefined) throw systemError('ENOENT', 'open', path);
      const file = new SimFile(this, path, mode, inode);
      this.process.openFiles.add(file);
      return () => file;
    });
  }

  /** Takes no event of its own, like isInPlace. */
  kindOf(path: string): Promise<EntryKind | undefined> {
    const { disk } = this.process.world;
    if (disk.find(path) !== undefined) return Promise.resolve('file');
    return Promise.resolve(disk.list(path) === undefined ? undefined : 'directory');
  }

  isSameFile(path: string, other: string): Promise<boolean> {
    const { disk } = this.process.world;
    return Promise.resolve(disk.find(path) === disk.find(other));
  }

  unique(): string {
    return (this.process.world.uniqueNames++).toString(16).padStart(12, '0');
  }

  outputOf(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  replaceOutput(from: string, to: string): Promise<void> {
    return this.rename(from, to);
  }

  list(dir: string): Promise<string[]> {
    return this.operate('list', dir, () => () => {
      const names = this.process.world.disk.list(dir);
      if (names === undefined) throw systemError('ENOENT', 'scandir', dir);
      return names;
    });
  }

  makeDir(dir: string): Promise<void> {
    return this.operate('makeDir', dir, () => {
      this.process.world.disk.makeDir(dir);
      return () => {};
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.operate('rename', from, () => {
      if (!this.process.world.disk.rename(from, to)) throw systemError('ENOENT', 'rename', from);
      return () => {};
    });
  }

  link(from: string, to: string): Promise<void> {
    return this.operate('rename', from, () => {
      if (!this.process.world.disk.link(from, to)) throw systemError('ENOENT', 'link', from);
      return () => {};
    });
  }

  remove(path: string): Promise<void> {
    return this.operate('remove', path, () => {
      this.process.world.disk.remove(path);
      return () => {};
    });
  }

  syncDir(dir: string): Promise<void> {
    return this.operate('syncDir', dir, () => {
      const { disk } = this.process.world;
      if (disk.list(dir) === undefined) throw systemError('ENOENT', 'open', dir);
      const changes = disk.dirChanges(dir).slice();
      return () => disk.makeDirDurable(dir, changes);
    });
  }

  lock(path: string): Promise<Lock> {
    return this.operate('lock', path, () => {
      const { world } = this.process;
      const full = posix.resolve('/', path);
      if (world.locks.has(full))
        throw new KvError('KV_LOCKED', 'Another process has it open', { path });
      if (world.disk.find(path) === undefined) world.disk.create(path);
      world.locks.set(full, this.process.boot);
      const release = (): Promise<void> => {
        world.locks.delete(full);
        return Promise.resolve();
      };
      return () => ({ release });
    });
  }

  freeBytes(dir: string): Promise<number> {
    return this.operate('freeBytes', dir, () => () => {
      const { disk } = this.process.world;
      if (disk.capacityBytes === Infinity) return 2 ** 40;
      return Math.max(0, disk.capacityBytes - disk.usedBytes());
    });
  }

  /** Runs one operation in its two events, with the fault that the plan has for it. */
  operate<T>(kind: OperationKind, path: string, start: Start<T>, onError?: () => void): Promise<T> {
    const { world } = this.process;
    return new Promise<T>((resolve, reject) => {
      this.process.later(world.latencyMs(kind), () => {
        const effect = world.faults.next(kind);
        world.operations++;
        if (effect?.kind === 'crash' && effect.when === 'before') return world.crash();
        if (effect?.kind === 'error') {
          onError?.();
          return reject(systemError(effect.code, kind, path));
        }
        let finish: () => T;
        try {
          finish = start(effect);
        } catch (error) {
          return reject(error);
        }
        world.observe?.({ kind, path, phase: 'started' });
        if (effect?.kind === 'crash' && effect.when === 'during') return world.crash();
        this.process.later(world.latencyMs(kind), () => {
          try {
            const answer = finish();
            world.observe?.({ kind, path, phase: 'finished' });
            if (effect?.kind === 'crash') return world.crash();
            resolve(answer);
          } catch (error) {
            reject(error);
          }
        });
      });
    });
  }
}

class SimFile implements File {
  readonly path: string;
  readonly #fs: SimFs;
  readonly #mode: OpenMode;
  readonly #inode: Inode;
  #isClosed = false;

  constructor(fs: SimFs, path: string, mode: OpenMode, inode: Inode) {
    this.path = path;
    this.#fs = fs;
    this.#mode = mode;
    this.#inode = inode;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#fs.operate('read', this.path, () => {
      this.#checkOpen();
      const source = this.#inode.cached().subarray(position, position + target.length);
      target.set(source);
      return () => source.length;
    });
  }

  write(source: Uint8Array, position: number): Promise<number> {
    const { world } = this.#fs.process;
    // As in libuv, the bytes are taken when the write runs, not when the engine asks for it.
    const start: Start<number> = (effect) => {
      this.#checkWritable();
      const room = Math.min(
        this.#room(source, position),
        effect?.kind === 'short' ? world.shortOf(source.length) : Infinity,
      );
      if (room === 0 && source.length > 0) throw systemError('ENOSPC', 'write', this.path);
      const bytes = Uint8Array.from(source.subarray(0, room));
      const change = world.disk.write(this.#inode, bytes, position);
      if (this.#mode !== 'write-through') return () => bytes.length;
      this.#inode.inFlight.add(change);
      return () => {
        this.#makeDurableUpTo(change);
        this.#inode.inFlight.delete(change);
        return bytes.length;
      };
    };
    const ghosts = (): void => {
      if (this.#mode !== 'write-through' || world.random.chance(0.5)) return;
      const change = world.disk.write(this.#inode, Uint8Array.from(source), position);
      this.#makeGhosts([change]);
    };
    return this.#fs.operate('write', this.path, start, ghosts);
  }

  /** Holds up no thread here: nothing else would run meanwhile, and what runs does not depend on it. */
  writeNow(source: Uint8Array, position: number): Promise<number> {
    return this.write(source, position);
  }

  sync(): Promise<void> {
    const start: Start<void> = () => {
      this.#checkOpen();
      const changes = this.#inode.pending.slice();
      return () => this.#inode.makeDurable(changes);
    };
    // The bytes that another descriptor is writing through are for that descriptor to report.
    const ghosts = (): void => {
      const { pending, inFlight } = this.#inode;
      this.#makeGhosts(pending.filter((change) => !inFlight.has(change)));
    };
    return this.#fs.operate('sync', this.path, start, ghosts);
  }

  truncate(bytes: number): Promise<void> {
    return this.#fs.operate('truncate', this.path, () => {
      this.#checkWritable();
      this.#fs.process.world.disk.truncate(this.#inode, bytes);
      return () => {};
    });
  }

  size(): Promise<number> {
    return this.#fs.operate('size', this.path, () => {
      this.#checkOpen();
      return () => this.#inode.size;
    });
  }

  /** Links do not exist in this world. */
  links(): Promise<number> {
    return Promise.resolve(1);
  }

  /** Takes no event of its own: no change of the disk begins or ends with it. */
  isInPlace(): Promise<boolean> {
    return Promise.resolve(this.#fs.process.world.disk.find(this.path) === this.#inode);
  }

  close(): Promise<void> {
    const release = (): void => {
      this.#isClosed = true;
      this.#fs.process.openFiles.delete(this);
    };
    // Linux frees the descriptor, whatever close(2) returns.
    return this.#fs.operate(
      'close',
      this.path,
      () => {
        this.#checkOpen();
        release();
        return () => {};
      },
      release,
    );
  }

  /** A write-through write is on the disk, together with the file's size and any earlier truncation. */
  #makeDurableUpTo(change: Change): void {
    const { pending } = this.#inode;
    const cut = pending.findLastIndex(
      (each) => each.kind === 'truncate' && each.order < change.order,
    );
    this.#inode.makeDurable([...pending.slice(0, cut + 1), change]);
  }

  /** Applies a write error below the cache: some sectors may have been written. */
  #makeGhosts(changes: readonly Change[]): void {
    const { random } = this.#fs.process.world;
    const style = random.chance(0.5)
      ? ({ kind: 'lost' } as const)
      : ({ kind: 'random', seed: random.next32(), hostile: false } as const);
    this.#inode.makeGhosts(changes, survivalOf(style, []));
  }

  /** Returns how many of the bytes fit on the disk. */
  #room(source: Uint8Array, position: number): number {
    const { disk } = this.#fs.process.world;
    if (disk.capacityBytes === Infinity) return Infinity;
    const growth = Math.max(0, position + source.length - this.#inode.size);
    const free = Math.max(0, disk.capacityBytes - disk.usedBytes());
    return growth <= free ? Infinity : Math.max(0, source.length - (growth - free));
  }

  #checkOpen(): void {
    if (this.#isClosed) throw systemError('EBADF', 'read', this.path);
  }

  #checkWritable(): void {
    if (this.#isClosed || this.#mode === 'read') throw systemError('EBADF', 'write', this.path);
  }
}

function systemError(
  code: FaultCode | 'ENOENT' | 'EEXIST' | 'EBADF',
  call: string,
  path: string,
): Error {
  return Object.assign(new Error(`${code}: simulated, ${call} '${path}'`), {
    code,
    syscall: call,
    path,
  });
}
