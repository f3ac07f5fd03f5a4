// A store that holds everything that a repair must carry over, and what its clients know of it: for tests that damage its
// files.

import { cpSync, readdirSync } from 'node:fs';

import type { Env } from '../../src/env/env.js';
import { nodeEnv } from '../../src/env/node-env.js';
import type { DurableStore } from '../../src/store/durable-store.js';
import { openStore } from '../../src/store/open-store.js';
import { StoreReader } from '../../src/offline/store-reader.js';
import type { SeededRandom } from '../../tools/torture/seeded-random.js';
import { DataDirectory, durable, turn } from './data-directory.js';
import { QuietLogger } from './quiet-logger.js';
import { removeFolder } from './remove-folder.js';

export const realEnv: Env = nodeEnv(new QuietLogger());

const SEGMENT_BYTES = 32 * 1024;
const KEYS = 60;

/** Maps a key (latin1) to everything that a client can see of its item, as one text. */
type Contents = ReadonlyMap<string, string>;

export interface RecordedStore {
  readonly contents: Contents;
  /** Every value that each key ever had. */
  readonly everHeld: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Runs `operations` random steps on a store in `dir` and stops it in order, with its hints written. */
export async function recordStore(
  dir: string,
  random: SeededRandom,
  operations: number,
): Promise<RecordedStore> {
  const options = { segmentBytesMax: SEGMENT_BYTES, snapshot: 'never', useHints: true } as const;
  const store = await openStore(realEnv, dir, options);
  const everHeld = new Map<string, Set<string>>();
  for (let at = 0; at < operations; at += 1) {
    await step(store, random, at, everHeld);
    if (random.chance(0.3)) await durable(store);
    if (at === Math.floor(operations / 2)) await store.compact({ everything: true });
  }
  await durable(store);
  await hintsWritten(dir);
  await store.close();
  return { contents: await contentsOf(dir), everHeld };
}

async function step(
  store: DurableStore,
  random: SeededRandom,
  at: number,
  everHeld: Map<string, Set<string>>,
): Promise<void> {
  // No flipped bit turns one of these numbers into another.
  const number = random.below(KEYS);
  const name = `key-${number}-${(number * 7919 + 1234567).toString(36)}`;
  const key = Buffer.from(name);
  const kind = random.below(100);
  const later = store.nowMs() + 3_600_000 + at;
  if (kind < 8) void store.delete({ key });
  else if (kind < 14) void store.touch(key, later);
  else if (kind === 14) store.flush(later);
  else if (kind === 15) store.flush(0);
  else {
    const text = `${name} as of ${at};`;
    const value = Buffer.from(text.repeat(1 + random.below(40)));
    const held = everHeld.get(name) ?? new Set();
    everHeld.set(name, held.add(value.toString()));
    const chosenCas = random.chance(0.1) ? BigInt(at + 1) * 2n ** 40n : undefined;
    const expiresAt = random.chance(0.2) ? later : 0;
    await store.put({ mode: 'set', key, value, flags: at, expiresAt, chosenCas });
  }
}

async function hintsWritten(dir: string): Promise<void> {
  const data = new DataDirectory(dir);
  const sealed = (): number =>
    data.manifest().segments.filter(({ bytes }) => bytes !== null).length;
  while (data.names('.hint').length < sealed()) await turn();
}

/** Returns what a client would see, without starting a server. */
export async function contentsOf(dir: string): Promise<Map<string, string>> {
  const reader = await StoreReader.open(realEnv, dir);
  const found = new Map<string, string>();
  for await (const { key, value, flags, expiresAt, cas } of reader.items()) {
    const text = Buffer.isBuffer(value) ? value.toString() : '(large)';
    found.set(key.toString('latin1'), `${text}|${flags}|${expiresAt}|${cas}`);
  }
  await reader.close();
  return found;
}

/** Returns the value in the text that contentsOf() gives for a key. */
export function valueIn(content: string): string {
  return content.slice(0, content.indexOf('|'));
}

export function copyOf(dir: string, to: string): DataDirectory {
  removeFolder(to);
  cpSync(dir, to, { recursive: true });
  return new DataDirectory(to);
}

/** Returns the segments with the bytes that their batches take. */
export function segmentEnds(data: DataDirectory): { name: string; bytes: number }[] {
  return readdirSync(data.path)
    .filter((name) => name.endsWith('.seg'))
    .toSorted()
    .map((name) => {
      const bytes = data.read(name);
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end -= 1;
      return { name, bytes: end };
    });
}
