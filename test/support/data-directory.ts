// A data directory for tests of recovery: reads and changes its files while no engine looks.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  BATCH_HEADER_BYTES,
  BATCH_KIND,
  BATCH_MAGIC,
  SEGMENT_HEADER_BYTES,
  encodeBatchHeader,
  encodeSegmentHeader,
} from '../../src/log/bytes/format.js';
import { composeManifest, parseManifest } from '../../src/log/bytes/manifest.js';
import type { Manifest } from '../../src/log/bytes/manifest.js';
import type { DurableStore } from '../../src/store/durable-store.js';

export class DataDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** Returns the names of the files with this ending, sorted. */
  names(suffix = ''): string[] {
    return readdirSync(this.path)
      .filter((name) => name.endsWith(suffix))
      .toSorted();
  }

  read(name: string): Buffer {
    return readFileSync(this.pathOf(name));
  }

  write(name: string, bytes: Buffer | string): void {
    writeFileSync(this.pathOf(name), bytes);
  }

  /** Changes one byte of a file. */
  flip(name: string, at: number): void {
    const bytes = this.read(name);
    bytes[at] = bytes[at]! ^ 0xff;
    this.write(name, bytes);
  }

  manifest(): Manifest {
    return parseManifest(this.read('MANIFEST').toString(), 'MANIFEST');
  }

  writeManifest(manifest: Manifest): void {
    this.write('MANIFEST', composeManifest(manifest));
  }

  /** Returns the offsets at which the batches of a segment start. */
  batchesOf(name: string): number[] {
    const bytes = this.read(name);
    const starts: number[] = [];
    for (
      let at = SEGMENT_HEADER_BYTES;
      at < bytes.length && bytes.readUInt32LE(at) === BATCH_MAGIC;
      at += bytes.readUInt32LE(at + 8)
    ) {
      starts.push(at);
    }
    return starts;
  }

  /** Returns every file with its bytes, as one text. */
  contents(): string {
    return this.names()
      .map((name) => `${name}\n${this.read(name).toString('hex')}`)
      .join('\n');
  }
}

/** Returns a segment file made by the test, with a seal at its end when `sealed`. */
export function segmentBytes(
  last: number,
  generation: number,
  storeId: string,
  sealed: boolean,
): Buffer {
  const place = { first: last, last, generation, salt: 7, createdAtMs: 1 };
  const header = encodeSegmentHeader({ ...place, storeId: Buffer.from(storeId, 'hex') });
  const batch = Buffer.alloc(BATCH_HEADER_BYTES);
  const seal = {
    batchBytes: BATCH_HEADER_BYTES,
    frameCount: 0,
    kind: BATCH_KIND.seal,
    durableSegment: 0,
    durableOffset: 0,
    firstSeq: 1,
    timeMs: 1,
  };
  if (sealed) encodeBatchHeader(batch, 0, seal, 7, SEGMENT_HEADER_BYTES);
  return Buffer.concat([header, batch]);
}

/** Stores a value; resolves when it is durable. */
export async function put(store: DurableStore, key: string, value: string | Buffer): Promise<void> {
  const bytes = Buffer.from(value);
  await store.put({ mode: 'set', key: Buffer.from(key), value: bytes, flags: 0, expiresAt: 0 });
  await durable(store);
}

export function durable(store: DurableStore): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void =>
      store.durability.watermark >= store.durability.lastSeq ? resolve() : undefined;
    store.durability.onDurable(look);
    look();
  });
}

/** Returns the value under the key, undefined for a miss. */
export async function valueOf(store: DurableStore, key: string): Promise<string | undefined> {
  const found = await store.get(Buffer.from(key));
  return found.kind === 'hit' ? (found.item.value as Buffer).toString() : undefined;
}

/** Waits for the segment after the first: if it came late, the first would grow instead. */
export async function successor(store: DurableStore): Promise<void> {
  while (store.stats().get('kv_segments_created') === 0) await turn();
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
