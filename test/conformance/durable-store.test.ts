// The conformance suite over the store on the real disk, once with its cache and once without. A kill is an image of the
// directory that is taken while the store is open and opened as another store.

import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import { openStore } from '../../src/store/open-store.js';
import type { DurableStore } from '../../src/store/durable-store.js';
import type { StoreOptions } from '../../src/store/options.js';
import { QuietLogger } from '../support/quiet-logger.js';
import { storeConformance } from './store-conformance.js';
import type { StoreFixture } from './subject.js';
import { removeFolder } from '../support/remove-folder.js';

for (const cacheBytesMax of [0, 1024 * 1024]) {
  storeConformance(
    `disk, cache of ${cacheBytesMax} bytes${cacheBytesMax === 0 ? ' @long' : ''}`,
    () => openFixture({ cacheBytesMax, segmentBytesMax: 64 * 1024 }),
    true,
  );
}

async function openFixture(options: Partial<StoreOptions>): Promise<StoreFixture> {
  const root = mkdtempSync(join(tmpdir(), 'cairn-conformance-'));
  let passedMs = 0;
  const real = nodeEnv(new QuietLogger());
  const clock = {
    ...real.clock,
    wallMs: () => real.clock.wallMs() + passedMs,
    monotonicMs: () => real.clock.monotonicMs() + passedMs,
  };
  const env: Env = { ...real, clock };
  let run = 0;
  const open = (): Promise<DurableStore> => openStore(env, join(root, String(run)), options);
  const opened = [await open()];
  return {
    get store() {
      return opened.at(-1)!;
    },
    wait: async (promise) => promise,
    advance(delayMs) {
      passedMs += delayMs;
      return Promise.resolve();
    },
    async reopen(how) {
      if (how === 'close') {
        await opened.pop()!.close();
      } else {
        cpSync(join(root, String(run)), join(root, String(run + 1)), { recursive: true });
        run += 1;
      }
      opened.push(await open());
    },
    async close() {
      for (const store of opened) await store.close();
      removeFolder(root);
    },
  };
}
