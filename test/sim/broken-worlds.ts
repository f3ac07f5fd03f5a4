// Wrappers around the engine's Env and Store that break one promise each: planted-bugs.ts plants them. The engine itself
// is unchanged: a layer beneath it does its requests wrongly, or a layer above it reports its answers wrongly.

import { basename } from 'node:path';

import type { Clock, Env, File, OpenMode } from '../../src/env/env.js';
import { parseFileName } from '../../src/log/bytes/file-names.js';
import {
  RECORD,
  SEGMENT_HEADER_BYTES,
  decodeBatchHeader,
  decodeSegmentHeader,
  encodeBatchHeader,
} from '../../src/log/bytes/format.js';
import { visitEntries } from '../../src/log/bytes/entry-list.js';
import { VERDICT } from '../../src/store/background/messages.js';
import type { FromWorker, ToWorker } from '../../src/store/background/messages.js';
import { ownLookup } from '../../src/store/own-lookup.js';
import type * as S from '../../src/store/store.js';
import type { SimProcess } from './sim-world.js';

/** The faults of the world around an engine. */
export interface BrokenWorld {
  readonly env?: (process: SimProcess) => Env;
  readonly store?: (store: S.LocalStore) => S.LocalStore;
}

export interface FileCalls {
  readonly write?: (file: File, source: Uint8Array, position: number) => Promise<number>;
  readonly sync?: (file: File) => Promise<void>;
}

export function withEnv(env: Env, parts: Partial<Env>): Env {
  const { fs, clock, random, logger } = env;
  const startWorker: Env['startWorker'] = (module, input, nicerBy) =>
    env.startWorker(module, input, nicerBy);
  return { fs, clock, random, logger, startWorker, ...parts };
}

export function withFs(env: Env, calls: Partial<Env['fs']>): Env {
  const { fs } = env;
  const plain: Env['fs'] = {
    open: (path, mode) => fs.open(path, mode),
    kindOf: (path) => fs.kindOf(path),
    isSameFile: (path, other) => fs.isSameFile(path, other),
    unique: () => fs.unique(),
    outputOf: (path) => fs.outputOf(path),
    replaceOutput: (from, to) => fs.replaceOutput(from, to),
    list: (dir) => fs.list(dir),
    makeDir: (dir) => fs.makeDir(dir),
    rename: (from, to) => fs.rename(from, to),
    link: (from, to) => fs.link(from, to),
    remove: (path) => fs.remove(path),
    syncDir: (dir) => fs.syncDir(dir),
    lock: (path) => fs.lock(path),
    freeBytes: (dir) => fs.freeBytes(dir),
  };
  return withEnv(env, { fs: { ...plain, ...calls } });
}

/** Replaces calls of files. `through`: the mode that a write-through file is opened in. */
export function withFiles(env: Env, calls: FileCalls, through: OpenMode = 'write-through'): Env {
  return withFs(env, {
    open: async (path, mode) => {
      const file = await env.fs.open(path, mode === 'write-through' ? through : mode);
      const write = (source: Uint8Array, position: number): Promise<number> =>
        calls.write?.(file, source, position) ?? file.write(source, position);
      return {
        path,
        read: (target, position) => file.read(target, position),
        write,
        writeNow: write,
        sync: () => calls.sync?.(file) ?? file.sync(),
        truncate: (bytes) => file.truncate(bytes),
        size: () => file.size(),
        links: () => file.links(),
        isInPlace: () => file.isInPlace(),
        close: () => file.close(),
      };
    },
  });
}

/** Renames are not made durable. No file is created under its final name, so no creation needs a sync of its own. */
export function withoutDirSync(env: Env): Env {
  return withFs(env, { syncDir: () => Promise.resolve() });
}

/** Old files are removed before the directory that names their successors was synced. */
export function withRemovalsFirst(env: Env): Env {
  let owed: (() => Promise<void>) | undefined;
  const pay = async (): Promise<void> => {
    const due = owed;
    owed = undefined;
    await due?.();
  };
  const paying = withFiles(env, {
    write: async (file, source, position) => {
      await pay();
      return file.write(source, position);
    },
  });
  return withFs(paying, {
    open: async (path, mode) => {
      await pay();
      return paying.fs.open(path, mode);
    },
    rename: async (from, to) => {
      await pay();
      await env.fs.rename(from, to);
    },
    remove: async (path) => {
      await env.fs.remove(path);
      await pay();
    },
    syncDir: async (dir) => {
      await pay();
      owed = () => env.fs.syncDir(dir);
    },
  });
}

/** The copy of the last segment shares the old segment's blocks, as if the copy had never been written. */
export function withoutTailRewrite(process: SimProcess): Env {
  const { fs } = process;
  return withFs(process, {
    rename: async (from, to) => {
      await fs.rename(from, to);
      const place = parseFileName(basename(to));
      if (place.kind !== 'segment' || !from.endsWith('.tmp')) return;
      const { disk } = process.world;
      const older = [...disk.files()].find(([path]) => {
        const other = parseFileName(basename(path));
        return other.kind === 'segment' && other.last === place.last && path !== to;
      });
      if (older !== undefined) disk.find(to)?.shareBlocks(older[1]);
    },
  });
}

/** All salts are the same, so that a client that sends values can compute the checksums of frames. */
export function withoutSalt(env: Env): Env {
  const { random } = env;
  const bytes = (count: number): Buffer => (count === 4 ? Buffer.alloc(4) : random.bytes(count));
  return withEnv(env, { random: { bytes } });
}

/** Batches do not say what was on disk when they were built (except where a segment begins). */
export function withoutWatermark(env: Env): Env {
  return withFiles(env, {
    write: async (file, source, position) => {
      const place = parseFileName(basename(file.path));
      const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
      if (place.kind !== 'segment') return file.write(source, position);
      await file.read(head, 0);
      const segment = decodeSegmentHeader(head);
      if (!segment.ok) return file.write(source, position);
      const { salt, last } = segment.header;
      const bytes = Buffer.from(source);
      const batch = decodeBatchHeader(bytes, 0, salt, position);
      if (typeof batch !== 'string' && batch.durableSegment === last) {
        encodeBatchHeader(bytes, 0, { ...batch, durableOffset: 0 }, salt, position);
      }
      return file.write(bytes, position);
    },
  });
}

/** Compaction drops records that say that a key is gone, even when something older may still hold the key. */
export function withoutTombstones(env: Env): Env {
  return withoutRecords(env, (type) => type === RECORD.delete, true);
}

/** Compaction drops flushes likewise. */
export function withoutFlushes(env: Env): Env {
  return withoutRecords(env, isFlush, false);
}

function isFlush(type: number): boolean {
  return type === RECORD.flush || type === RECORD.deletePrefix;
}

function withoutRecords(env: Env, isDropped: (type: number) => boolean, tombstones: boolean): Env {
  return withEnv(env, {
    startWorker: (module, input) => {
      const worker = env.startWorker(module, input);
      let deletions: boolean[] = [];
      return {
        done: worker.done,
        end: (message) => worker.end(message),
        onMessage: (call) =>
          worker.onMessage((message) => {
            const { ask, entries, count } = message as Extract<FromWorker, { ask: 'judge' }>;
            if (ask === 'judge') {
              deletions = [];
              visitEntries(Buffer.from(entries), 0, count, ({ type }) => {
                deletions.push(isDropped(type));
              });
            }
            call(message);
          }),
        post: (message, transfer) => {
          const answer = message as ToWorker;
          if ('verdicts' in answer) {
            answer.verdicts.forEach((verdict, at) => {
              const isTombstone = tombstones && verdict === VERDICT.tombstone;
              if (isTombstone || deletions[at] === true) answer.verdicts[at] = VERDICT.drop;
            });
          }
          worker.post(message, transfer);
        },
      };
    },
  });
}

/** Expiry follows the machine's time of day. */
export function withWallClock(env: Env): Env {
  const { clock } = env;
  const wall: Clock = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.wallMs(),
    setTimer: (delayMs, call) => clock.setTimer(delayMs, call),
    defer: (call) => clock.defer(call),
  };
  return withEnv(env, { clock: wall });
}

function withGets(
  store: S.LocalStore,
  get: (key: S.Key, options?: S.ReadOptions) => S.Maybe<S.Lookup>,
): S.LocalStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'get') return get;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function mapped(answer: S.Maybe<S.Lookup>, map: (lookup: S.Lookup) => S.Lookup): S.Maybe<S.Lookup> {
  return answer instanceof Promise ? answer.then(map) : map(answer);
}

/** Every read says that it waits for nothing. */
export function withoutGates(store: S.LocalStore): S.LocalStore {
  return withGets(store, (key, options) =>
    mapped(store.get(key, options), (lookup) => ({ ...lookup, after: 0 })),
  );
}

/** After a restart items have other CAS tokens than before. */
export function withNewTokens(store: S.LocalStore): S.LocalStore {
  const restored = BigInt(store.durability.lastSeq);
  return withGets(store, (key, options) =>
    mapped(store.get(key, options), (lookup) => {
      if (lookup.kind !== 'hit' || lookup.item.cas > restored) return lookup;
      const own = ownLookup(lookup) as typeof lookup;
      return { ...own, item: { ...own.item, cas: own.item.cas + 2n ** 48n } };
    }),
  );
}
