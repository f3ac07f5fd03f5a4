// Bugs put under the engine on purpose, to see that the simulation would find them: an Env or a Store
// that breaks one promise. The tester is tested with them; nothing of this is in the product.

import type { Env, File, OpenMode } from '../../src/env/env.js';
import type * as S from '../../src/store/store.js';
import type { Life, Stage } from './machine-life.js';

export interface PlantedBug {
  readonly env?: (env: Env) => Env;
  readonly store?: (store: S.Store) => S.Store;
  /** Lives in which the bug can show at all. */
  readonly hunt?: (life: Life) => Life;
}

export const PLANTED_BUGS: Readonly<Record<string, PlantedBug>> = {
  'no sync at all': { env: (env) => withFiles(env, { sync: () => Promise.resolve() }, 'write') },
  'commits not written through': { env: (env) => withFiles(env, {}, 'write') },
  'no directory sync': {
    env: (env) => withFs(env, { syncDir: () => Promise.resolve() }),
  },
  'acknowledged before the write is over': {
    env: (env) =>
      withFiles(env, {
        write: (file, source, position) => {
          void file.write(Uint8Array.from(source), position).catch(() => 0);
          return Promise.resolve(source.length);
        },
      }),
  },
  'short counts ignored': {
    env: (env) =>
      withFiles(env, {
        write: async (file, source, position) => {
          await file.write(source, position);
          return source.length;
        },
      }),
  },
  'a failed write or sync is tried again': {
    env: (env) =>
      withFiles(env, {
        write: (file, source, position) =>
          file.write(source, position).catch(() => file.write(source, position)),
        sync: (file) => file.sync().catch(() => file.sync()),
      }),
    // A commit that is written again is on the disk: only a sync that is tried again lies.
    hunt: withFailingSyncs,
  },
  'failures of the disk swallowed': {
    env: (env) =>
      withFiles(env, {
        write: (file, source, position) => file.write(source, position).catch(() => source.length),
        sync: (file) => file.sync().catch(() => undefined),
      }),
  },
  'unsynced values shown to clients': { store: withoutGates },
};

/** In each boot one sync fails, and the power is lost at its end. */
function withFailingSyncs(life: Life): Life {
  const effect = { kind: 'error', code: 'EIO' } as const;
  const stages = life.stages.map((stage, index): Stage => {
    const at = 1 + ((life.seed + index) % 12);
    return { ...stage, faults: [{ at, kinds: ['sync'], effect }], end: { kind: 'lost' } };
  });
  return { ...life, stages };
}

interface FileCalls {
  readonly write?: (file: File, source: Uint8Array, position: number) => Promise<number>;
  readonly sync?: (file: File) => Promise<void>;
}

function withFs(env: Env, calls: Partial<Env['fs']>): Env {
  const { fs } = env;
  const plain: Env['fs'] = {
    open: (path, mode) => fs.open(path, mode),
    list: (dir) => fs.list(dir),
    makeDir: (dir) => fs.makeDir(dir),
    rename: (from, to) => fs.rename(from, to),
    remove: (path) => fs.remove(path),
    syncDir: (dir) => fs.syncDir(dir),
    lock: (path) => fs.lock(path),
    freeBytes: (dir) => fs.freeBytes(dir),
  };
  const { clock, random, logger } = env;
  const startWorker: Env['startWorker'] = (module, input) => env.startWorker(module, input);
  return { fs: { ...plain, ...calls }, clock, random, logger, startWorker };
}

/** `through`: the mode that a write-through file is opened in. */
function withFiles(env: Env, calls: FileCalls, through: OpenMode = 'write-through'): Env {
  return withFs(env, {
    open: async (path, mode) => {
      const file = await env.fs.open(path, mode === 'write-through' ? through : mode);
      return {
        path,
        read: (target, position) => file.read(target, position),
        write: (source, position) =>
          calls.write?.(file, source, position) ?? file.write(source, position),
        sync: () => calls.sync?.(file) ?? file.sync(),
        truncate: (bytes) => file.truncate(bytes),
        size: () => file.size(),
        close: () => file.close(),
      };
    },
  });
}

/** Every answer says that it waits for nothing. */
function withoutGates(store: S.Store): S.Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'get') {
        return (key: S.Key, options?: S.ReadOptions) => ungated(target.get(key, options));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function ungated(answer: S.Maybe<S.Lookup>): S.Maybe<S.Lookup> {
  if (answer instanceof Promise) return answer.then((each) => ({ ...each, after: 0 }));
  return { ...answer, after: 0 };
}
